"""The kinds of the Compute Engine API that a VPC and a load balancer are made of."""
