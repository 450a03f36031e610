"""The facts of the source document, and the page on which each of them stands."""

PRODUCTION = "umgebungen/produktion.md"
SECRETS = "security/secrets.md"
PIPELINE = "cicd/pipeline.md"
CHECKLISTS = "qa/checklists.md"
SCALING = "operations/scaling.md"
RAG = "rag/overview.md"
MIGRATIONS = "runbooks/migrations.md"
INCIDENTS = "runbooks/incidents.md"
LITELLM = "betrieb/litellm.md"
LINKED = (SECRETS, PIPELINE, CHECKLISTS, RAG, MIGRATIONS, INCIDENTS, SCALING)
"""Pages that the source document links to, at these paths."""

# Page, and what must stand on it as a reader sees it. Figures are those of the source document.
FACTS = [
    # Warum
    (PRODUCTION, "Daten von Kunden", "bleibt verfügbar", "Was die Produktion von Staging"),
    # Architekturunterschiede
    (PRODUCTION, "Cloud SQL hat keine öffentliche Adresse", "eigene VPC", "Serverless VPC Access"),
    (PRODUCTION, "Private Service Connect", "nur der globale HTTPS-Load-Balancer erreichbar"),
    (PRODUCTION, "Alle Dienste sind intern", "verwaltetes Zertifikat", "DNS-Einträge"),
    (PRODUCTION, "Identity-Aware Proxy schützt die GUI zusätzlich", "config/litellm-config.yaml"),
    (PRODUCTION, "Ein Dienst nennt immer eine feste Version", "in derselben Instanz"),
    (SECRETS, "jede Revision eine feste Version", "`latest` lehnt Leitstand"),
    (SECRETS, "`litellm-master-key`", "os.environ/LITELLM_MASTER_KEY", "Identity-Aware Proxy"),
    # Ressourcen und Parameter
    (PRODUCTION, "| `web` | 2 bis 10 | 2 CPU, 2 GiB, 30 Anfragen zugleich |"),
    (PRODUCTION, "in Stufen von 10 %, 50 % und 100 %", "10/90, 50/50 und 100/0"),
    (PRODUCTION, "| `worker` | 1 bis 20 |", "1 Anfrage zugleich", "eigener Dienst"),
    (PRODUCTION, "Länge der Warteschlange", "| `beat` | genau 1 |", "Beat wird nie skaliert"),
    (PRODUCTION, "| `migrate` | 900 s | 1 | nach Freigabe |", "../cicd/pipeline.md"),
    (PRODUCTION, "LiteLLM ist ein interner Dienst", "`iap_group`", "`vpc_only`"),
    (PRODUCTION, "Das Protokoll der Anfragen ist an", "`AI_CORE_RATE_LIMIT_QUOTA`"),
    (PRODUCTION, "| Zurück auf einen Zeitpunkt | 7 Tage weit |", "ein Mindestwert"),
    (PRODUCTION, "| Sicherung | täglich", "| Wartungsfenster | Sonntag", "getrennte Datenbanken"),
    (PRODUCTION, "`rag` und `tenant_rag_*`", "`vector` (pgvector) ist aktiv"),
    (PRODUCTION, "IVFFLAT mit `lists` 100", "HNSW mit `ef_search` 64"),
    (PRODUCTION, "| Memorystore | mit Ausfallknoten", "| AUTH in Memorystore | an |"),
    (PRODUCTION, "aus derselben Ablage wie auf Staging", "nur signierte Tags", "`cosign`"),
    (PRODUCTION, "in Versionen", "alle 90 Tage zu erneuern", "../runbooks/rotate_secret.ipynb"),
    (PRODUCTION, "als SaaS oder selbst betrieben", "5 % der Aufrufe", "`masking_rules`) ist an"),
    (SCALING, "| `worker` | 1 bis 20 |", "| `web` | 2 bis 10 |", "| `beat` | genau 1 |"),
    (SCALING, "Länge der Warteschlange", "von Hand", "`AI_CORE_RATE_LIMIT_QUOTA`"),
    (SCALING, "../runbooks/scale.ipynb", "../runbooks/pause_queue.ipynb"),
    (SCALING, "../runbooks/litellm_quota.ipynb", "mit Ausfallknoten"),
    (PIPELINE, "| `migrate` | 900 s | 1 | nach Freigabe |", "dessen Plan freigegeben ist"),
    (PIPELINE, "nur signierte Tags", "`cosign verify`", "dieselbe Ablage"),
    (SECRETS, "alle 90 Tage fällig", "`secret-rotation`", "../runbooks/rotate_secret.ipynb"),
    # Betrieb und Sicherheit
    (PRODUCTION, "Smoke-Tests](../qa/checklists.md#smoke-tests)", "wieder der letzten Revision"),
    (PRODUCTION, "stellt es auch die Datenbank auf einen früheren Zeitpunkt wieder her"),
    (PRODUCTION, "soll wöchentlich exportiert werden", "../runbooks/snapshot_redis.ipynb"),
    (PRODUCTION, "Workload Identity Federation", "`roles/run.admin`", "`roles/redis.admin`"),
    (PRODUCTION, "`roles/artifactregistry.writer`", "`roles/cloudsql.client`"),
    (PRODUCTION, "`roles/secretmanager.secretAccessor`", "`roles/compute.networkUser`"),
    (PRODUCTION, "| Logs | 90 Tage |", "niemand kann es kürzen", "nach BigQuery"),
    (PRODUCTION, "`LANGFUSE_*`", "`langfuse.sampling_rate_by_tenant`"),
    (PIPELINE, "`roles/run.admin`", "`roles/artifactregistry.writer`", "`roles/cloudsql.client`"),
    (PIPELINE, "`roles/secretmanager.secretAccessor`", "`roles/redis.admin`"),
    (PIPELINE, "`roles/compute.networkUser`", "Workload Identity Federation"),
    (PIPELINE, "10 %, 50 % und 100 %", "auf die alte Revision zurück"),
    (CHECKLISTS, "### Smoke-Tests", "`/healthz` und `/smoke`", "../runbooks/release.ipynb"),
    (SECRETS, "`masking_rules` ist an", "`LANGFUSE_SECRET_KEY`"),
    # pgvector Betrieb
    (PRODUCTION, "Zahl der Datensätze muss auch `lists` wachsen", "Suche mit Re-Ranking"),
    (PRODUCTION, "`REINDEX CONCURRENTLY` und `ANALYZE` monatlich", "`VACUUM` nach jeder größeren"),
    (PRODUCTION, "„Vector-Schema-Migrations“", "den Index zu löschen und neu aufzubauen"),
    (PIPELINE, "### Vector-Schema-Migrations", "eigene Stufe", "../runbooks/migrations.md"),
    (PIPELINE, "../rag/overview.md", "den Index löschen und neu bauen"),
    # Tenancy-Modell
    (PRODUCTION, "`tenant_<slug>`", "genauso ein Schema für seine Vektoren", "`tenant_id`"),
    (PRODUCTION, "`USING tenant_id = current_setting('app.tenant_id')::uuid`"),
    (PRODUCTION, "Die Trennung ergibt sich von selbst", "will verwaltet sein"),
    (PRODUCTION, "für jede Phase des Produkts", "Allowed Hosts", "../security/secrets.md#allowed"),
    (SECRETS, "### Allowed Hosts und `DATABASE_URL`", "das gemeinsame Schema mit Row-Level"),
    # Schritte
    (PRODUCTION, "VPC und Subnetze anlegen", "mit Sicherungen, Wiederherstellung auf einen"),
    (PRODUCTION, "Redis mit Ausfallknoten und AUTH anlegen", "jedem Dienst nur seine Secrets"),
    (PRODUCTION, "Load Balancer mit Zertifikat, DNS, IAP und Cloud Armor"),
    (PRODUCTION, "Workload Identity Federation einrichten und die Rollen vergeben"),
    (
        PRODUCTION,
        "../runbooks/migrations.md",
        "../runbooks/incidents.md",
        "../operations/scaling.md",
    ),
]
