"""The inbox, the ways to be told, snoozes: one's own and nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from fleet.notices import service
from fleet.notices.rules import chat_address
from fleet.notices.tables import Notice, Preference, Snooze
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from fleet.web import clock
from tests import cast
from tests.notices.post import WHO, about, say, set_up
from tests.pages import soup, words

KEY = "a" * 32
WECOM = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"


@pytest.fixture
def ada(app, session):
    set_up(app)
    return cast.let_in("ada").id


@pytest.fixture
def client(app, ada):
    made = cast.sign_in(app.test_client(), "ada")
    made.post("/language", data={"language": "en"})
    return made


def inbox_id(person: int, number: int = 1) -> int:
    found = select(Notice.id).where(Notice.recipient_id == person, Notice.channel == "inbox")
    return db.session.scalar(found.where(Notice.subject == f"request:{number}"))


def state(person: int, channel: str = "inbox") -> list[str]:
    db.session.rollback()
    found = select(Notice.state).where(Notice.recipient_id == person, Notice.channel == channel)
    return list(db.session.scalars(found.order_by(Notice.id)))


# ------------------------------------------------------------------------------ the inbox


def test_an_empty_inbox_says_what_will_come(client):
    page = client.get("/notices")
    assert "There are no notices for you." in words(page)
    assert soup(page).select("nav.side .count") == []


def test_the_inbox_shows_counts_and_marks(client, ada):
    say(about(ada, 1, link="/account"), about(ada, 2))
    page = client.get("/notices")
    assert "京A00001" in words(page)
    assert soup(page).select_one("nav.side .count").get_text(" ").split()[0] == "2"
    opened = client.post(f"/notices/{inbox_id(ada)}/open")
    assert opened.headers["Location"] == "/account"
    assert state(ada) == ["read", "unread"]
    assert "京A00001" not in words(client.get("/notices?state=unread"))
    client.post("/notices/read", data={"until": str(inbox_id(ada))})
    assert state(ada) == ["read", "unread"]
    client.post("/notices/read", data={"until": str(inbox_id(ada, 2))})
    assert state(ada) == ["read", "read"]
    assert soup(client.get("/notices")).select("nav.side .count") == []
    assert client.get("/notices/export").status_code == 200


def test_unread_ones_stand_first_and_the_newest_of_them(client, ada):
    say(*(about(ada, number) for number in (1, 2, 3)))
    client.post(f"/notices/{inbox_id(ada, 3)}/read")
    rows = soup(client.get("/notices")).select("tbody th a")
    assert [row.get_text().split()[-1] for row in rows] == ["京A00002", "京A00001", "京A00003"]


def test_anothers_notice_is_not_there(client, ada):
    bea = cast.let_in("bea").id
    say(about(bea, 1))
    number = inbox_id(bea)
    assert "京A00001" not in words(client.get("/notices"))
    assert client.get(f"/notices/{number}/snooze").status_code == 404
    for path in ("open", "read", "snooze"):
        assert client.post(f"/notices/{number}/{path}").status_code == 404
    client.post("/notices/read", data={"until": "2147483647"})
    assert state(bea) == ["unread"]


def test_a_company_one_reads_no_more_is_not_told_of(app):
    with app.app_context():
        set_up(app)
        world = cast.move_in("company")
        company, person = world.own.ids["company"], world.users["company"]
        say(about(person, 1, company_id=company))
        say(about(person, 2, company_id=world.foreign.ids["company"]))
    page = words(cast.sign_in(app.test_client(), "company").get("/notices"))
    assert "京A00001" in page
    assert "京A00002" not in page


def test_a_hundred_unread_stand_for_more(app, client, ada):
    say(*(about(ada, number) for number in range(150)))
    assert "99+" in soup(client.get("/notices")).select_one("nav.side .count").get_text()


# ------------------------------------------------------------------------------ snoozes


def test_a_snoozed_subject_is_left_out_and_comes_again(client, ada):
    say(about(ada, 1))
    until = clock.today() + timedelta(days=5)
    form = {"reason": "waiting for the dealer", "until": until.isoformat()}
    answer = client.post(f"/notices/{inbox_id(ada)}/snooze", data=form, follow_redirects=True)
    assert "waiting for the dealer" in words(answer)
    assert state(ada) == state(ada, "mail") == ["snoozed"]
    say(about(ada, 1, "rung:-7"), day=clock.today())
    assert state(ada, "mail") == ["snoozed", "snoozed"]
    say(about(ada, 1, "rung:-3"), day=until)
    assert state(ada, "mail")[2] == "queued"
    client.post(f"/notices/snoozes/{db.session.scalar(select(Snooze.id))}/end")
    say(about(ada, 1, "rung:-1"), day=clock.today())
    assert state(ada, "mail")[3] == "queued"


@pytest.mark.parametrize(
    ("reason", "days", "good"),
    [("why", 1, True), ("why", 30, True), ("why", 31, False), ("why", 0, False), ("", 5, False)],
)
def test_a_snooze_needs_a_reason_and_an_end(client, ada, reason, days, good):
    say(about(ada, 1))
    form = {"reason": reason, "until": (clock.today() + timedelta(days=days)).isoformat()}
    answer = client.post(f"/notices/{inbox_id(ada)}/snooze", data=form)
    assert (answer.status_code == 302) is good
    assert (state(ada) == ["snoozed"]) is good


def test_a_snooze_is_its_makers_alone(client, ada):
    bea = cast.let_in("bea").id
    say(about(bea, 1))
    today = clock.today()
    service.snooze(inbox_id(bea), bea, "mine", today + timedelta(days=2), today=today, **WHO)
    number = db.session.scalar(select(Snooze.id))
    assert client.post(f"/notices/snoozes/{number}/end").status_code == 404
    assert "mine" not in words(client.get("/notices/snoozes"))


# ---------------------------------------------------------------------- the ways to be told


def test_the_last_channel_stays_on(client, ada):
    answer = client.post("/notices/preferences", data={"address": ""})
    assert "the last way to reach you stays" in words(answer)
    assert db.session.scalar(select(func.count()).select_from(Preference)) == 0


def test_chat_needs_an_address_of_a_known_service(client, ada):
    assert "Enter the address" in words(client.post("/notices/preferences", data={"chat": "y"}))
    for address in ("file:///etc/passwd", "json://127.0.0.1/x", "https://evil.example/hook"):
        form = {"chat": "y", "address": address}
        assert "Enter the webhook" in words(client.post("/notices/preferences", data=form))


def test_a_chat_address_is_kept_and_never_shown(client, ada):
    form = {"mail": "y", "chat": "y", "address": WECOM}
    assert client.post("/notices/preferences", data=form).status_code == 302
    page = client.get("/notices/preferences")
    assert "WeCom" in words(page)
    assert KEY not in page.text
    kept = db.session.get(Preference, ada)
    assert kept.chat
    assert KEY not in kept.chat_secret
    told = " ".join(db.session.scalars(select(HistoryEntry.changes)))
    assert "chat_service" in told
    assert kept.chat_secret not in told
    assert client.post("/notices/preferences", data={"mail": "y", "chat": "y"}).status_code == 302
    client.post("/notices/preferences/forget")
    db.session.rollback()
    kept = db.session.get(Preference, ada)
    assert (kept.mail, kept.chat, kept.chat_secret) == (True, False, None)


def test_what_waits_for_a_channel_switched_off_goes_by_the_other(session, ada):
    service.choose(ada, mail=True, chat_on=True, address=WECOM, **WHO)
    say(about(ada, 1))
    service.choose(ada, mail=True, chat_on=False, **WHO)
    assert (state(ada, "mail"), state(ada, "chat")) == (["queued"], ["dropped"])
    say(about(ada, 2))
    service.choose(ada, mail=False, chat_on=True, **WHO)
    assert state(ada, "mail") == ["dropped"]  # its twin of the chat is queued again
    assert state(ada, "chat") == ["queued", "queued"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (WECOM, ("wecombot", f"wecombot://{KEY}/")),
        (f"wecombot://{KEY}", ("wecombot", f"wecombot://{KEY}/")),
        (
            f"https://oapi.dingtalk.com/robot/send?access_token={KEY}",
            ("dingtalk", f"dingtalk://{KEY}/"),
        ),
        (
            f"dingtalk://{KEY}@{KEY}/13800000000",
            ("dingtalk", f"dingtalk://{KEY}@{KEY}/13800000000/"),
        ),
        (f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}", ("feishu", f"feishu://{KEY}/")),
        (f"https://open.larksuite.com/open-apis/bot/v2/hook/{KEY}", ("lark", f"lark://{KEY}/")),
        ("json://chat.example:8080/hook", ("json", "json://chat.example:8080/hook")),
        ("jsons://intra.example", ("json", "jsons://intra.example")),
        ("json://chat.example/hook", None),  # another port
        ("json://intra.example.evil.example/", None),
        ("json://intra.example@evil.example/", None),
        ("json://evil.example/#@intra.example", None),
        ("json://intra.example/?redirect=yes", None),
        ("json://intra.example\\@evil.example/", None),
        (f"wecombot://{KEY}?rto=9999", None),
        (f"wecombot://{KEY}, file:///etc/passwd", None),
        (f"{WECOM}&x=1", None),
        ("file:///etc/passwd", None),
        ("exec://sh", None),
        ("mailto://a:b@evil.example", None),
        ("", None),
    ],
)
def test_what_may_be_a_chat_address(text, found):
    assert chat_address(text, {"chat.example:8080", "intra.example"}) == found


# ----------------------------------------------------------------------- what did not arrive


def test_the_administrator_sees_what_did_not_arrive(app, session):
    from fleet.notices.sending import send_due
    from tests.notices.post import MORNING, free_port

    world = cast.move_in("administrator")
    set_up(app, mail_server="127.0.0.1", mail_port=str(free_port()))
    say(about(world.users["administrator"], 1))
    late = MORNING + timedelta(days=4)
    send_due(MORNING)
    send_due(late)
    client = cast.sign_in(app.test_client(), "administrator")
    client.post("/language", data={"language": "en"})
    page = words(client.get("/notices/undelivered"))
    assert "administrator@cast.example" in page
    assert "its server fails since" in page
    assert client.post("/notices/undelivered/again").status_code == 302
    assert state(world.users["administrator"], "mail") == ["queued"]
