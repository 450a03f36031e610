"""Images of another environment have stand-ins among the sandbox's own."""

from leitstand.sandbox.images.catalogue import Catalogue

OTHER = "sha256:" + "1a" * 32
KNOWN = Catalogue.load()
(GOOD,) = (i for i in KNOWN.images() if (i.package, i.tag) == ("web", "1.1.0"))


def with_one(image: str, digest: str = OTHER, *, signed: bool = True) -> Catalogue:
    return KNOWN.with_stand_ins([{"image": image, "digest": digest, "signed": signed}])


def test_an_unknown_tag_behaves_as_the_first_image_of_its_package() -> None:
    made = with_one("web:2026.11", signed=False).resolve(f"{GOOD.path}:2026.11")
    assert (OTHER, False) == (made.digest, made.signed)
    first = next(image for image in KNOWN.images() if image.package == "web")
    assert (first.behaviour, first.module) == (made.behaviour, made.module)


def test_a_known_tag_with_another_digest_gives_way_and_keeps_its_behaviour() -> None:
    catalogue = with_one("web:1.2.0-errors")
    made = catalogue.resolve(f"{GOOD.path}:1.2.0-errors")
    assert (OTHER, "5") == (made.digest, made.behaviour["APP_ERROR_EVERY"])
    assert len(KNOWN.images()) == len(catalogue.images())


def test_what_is_known_by_tag_and_digest_stays() -> None:
    assert KNOWN.images() == with_one("web:1.1.0", GOOD.digest).images()


def test_a_package_that_is_not_known_has_no_stand_in() -> None:
    assert KNOWN.images() == with_one("unheard-of:1").images()
