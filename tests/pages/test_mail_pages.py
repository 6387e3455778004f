"""Mail on the screen: what one wants, what one was written, and the operator's outbox."""

from __future__ import annotations

from app.models import Mail, db
from app.words import MailState
from tests.world import World


def key_of(world: World, who: str) -> str:
    with world.house.system():
        mail = db.session.query(Mail).filter_by(person_id=world.people[who]).one()
        return str(mail.public_id)


def test_one_switches_off_what_is_optional_and_nothing_else(world: World) -> None:
    client = world.client("owner")
    page = client.get("/my-mail/").text
    assert 'name="wanted" value="digest" checked' in page
    assert client.post("/my-mail/", data={"wanted": "place.given"}).status_code == 302
    assert 'name="wanted" value="digest" checked' not in client.get("/my-mail/").text
    found = world.house.rows("SELECT kind FROM mail_off WHERE person_id = :p", p=world.people["owner"])
    assert [row.kind for row in found] == ["digest"]
    client.post("/my-mail/", data={"wanted": "digest"})
    assert 'name="wanted" value="digest" checked' in client.get("/my-mail/").text


def test_one_reads_ones_own_mail_and_nobody_elses(world: World) -> None:
    key = key_of(world, "assistant")
    page = world.client("assistant").get(f"/mails/{key}").text
    assert "You have a new place: Assistant" in page
    assert "srcdoc=" in page
    assert "Send it again" not in page
    assert world.client("colleague").get(f"/mails/{key}").status_code == 404
    assert world.client("assistant").get("/mails/").status_code == 403
    assert world.client("admin").get(f"/mails/{key}").status_code == 200


def test_the_operator_sends_again_what_was_not_delivered(world: World) -> None:
    client, key = world.client("admin"), key_of(world, "assistant")
    assert "Send it again" in client.get(f"/mails/{key}").text
    version = world.house.value("SELECT version FROM mail WHERE public_id = :k", k=key)
    assert client.post(f"/mails/{key}/again", data={"seen": version}).status_code == 302
    assert world.house.value("SELECT state FROM mail WHERE public_id = :k", k=key) == MailState.QUEUED
    assert client.post(f"/mails/{key}/again", data={"seen": version + 1}).status_code == 409


def test_home_tells_the_operator_of_mail_that_does_not_go(world: World) -> None:
    page = world.client("admin").get("/").text
    assert "1 mail was not delivered." in page
    assert "MAIL_SERVER" in page
    assert "MAIL_SERVER" not in world.client("owner").get("/").text
    assert "fill in MAIL_SERVER and MAIL_FROM" in world.client("admin").get("/mails/").text


def test_a_mail_of_a_kind_that_is_no_more_is_listed_and_opens(world: World) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(Mail.__table__.update().values(kind="of an earlier version", fault="to 550"))
        session.commit()
    page = world.client("admin").get(f"/mails/{key_of(world, 'assistant')}").text
    assert "Mail of an earlier version" in page
    assert "It answered 550." in page


def test_a_mail_that_lacks_a_fact_of_today_is_listed_and_opens(world: World) -> None:
    with world.house.everything() as session:
        session.connection(execution_options={"writes": True})
        session.execute(Mail.__table__.update().values(facts={}))
        session.commit()
    assert world.client("admin").get(f"/mails/{key_of(world, 'assistant')}").status_code == 200
