"""The pure checks, over everything that could be said to them."""

from __future__ import annotations

import ipaddress
from posixpath import normpath
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from propylon.errors import Invalid
from propylon.web import bodies
from propylon.web.security import addresses, cookies, hosts, proxies, syntax
from propylon.web.security.caller import Caller
from propylon.web.security.hosts import Host
from propylon.web.security.origins import cross_site, ours


def test_a_listed_port_is_that_port_alone() -> None:
    allowed = frozenset({Host("box.lan", "8787")})
    assert hosts.refused("box.lan:8787", allowed, literals=False) is None
    assert hosts.refused("box.lan:1", allowed, literals=False) is not None


@given(st.text(max_size=60))
def test_every_text_is_a_host_or_none(text: str) -> None:
    host = hosts.parse(text)
    assert host is None or (host.name == host.name.lower() and not set(host.name) & set("/@\\ ?#,") and hosts.parse(str(host)) == host)


@given(st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True))
def test_no_unlisted_name_passes(name: str) -> None:
    refusal = hosts.refused(name, frozenset(), literals=False)
    assert (refusal is None) == (hosts.parse(name) is not None and hosts.is_loopback(name))


OUR = frozenset({Host("localhost", "8787")})


@given(st.text(max_size=80))
def test_only_our_own_origin_is_ours(text: str) -> None:
    refusal = cross_site([(b"origin", text.encode("latin-1", "replace"))], OUR)
    assert (refusal is None) == (text.lower() in ("http://localhost:8787", "https://localhost:8787"))


@given(st.sampled_from(["http", "https"]), st.from_regex(r"[a-z.@:/\\\[\]0-9-]{1,30}", fullmatch=True))
def test_nothing_like_our_origin_is_ours(scheme: str, rest: str) -> None:
    text = f"{scheme}://{rest}"
    assert (cross_site([(b"origin", text.encode())], OUR) is None) == (rest == "localhost:8787")


def test_another_port_of_a_listed_name_is_another_server() -> None:
    listed = {Host("box.lan", ""), Host("chat.example.com", "")}
    assert ours([Host("box.lan", "8787")], listed) == {Host("box.lan", "8787"), Host("chat.example.com", "")}
    assert cross_site([(b"origin", b"http://box.lan")], ours([Host("box.lan", "8787")], listed)) is not None
    assert cross_site([(b"origin", b"https://box.lan")], ours([Host("127.0.0.1", "8787")], listed)) is None


@given(st.text(max_size=60))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("https://evil.example")
def test_a_login_never_leads_elsewhere(wanted: str) -> None:
    path = addresses.next_path(wanted)
    for page in ("http://box.lan/login", "https://example.com/any/prefix/login"):
        there = urljoin(page, addresses.relative(path, "/login"))
        assert there.startswith(page.removesuffix("login").partition("://")[0] + "://" + page.split("/")[2] + "/")


@given(st.from_regex(r"(/[a-z]{1,3}){1,4}/?", fullmatch=True))
def test_the_way_to_the_login_holds_below_every_prefix(here: str) -> None:
    where = addresses.to_login(here, "")
    assert normpath(urljoin(f"http://h/any/prefix{here}", where).partition("?")[0].removeprefix("http://h")) == "/any/prefix/login"
    assert unquote(where.partition("?next=")[2]) in (here, "/")


TRUSTED = proxies.networks("10.0.0.0/8, ::1")


@given(st.lists(st.sampled_from(["1.2.3.4", "10.9.9.9", "unknown", "", "5.6.7.8", "::1"]), max_size=5))
def test_nobody_is_believed_but_a_listed_proxy(chain: list[str]) -> None:
    headers = [(b"x-forwarded-for", ", ".join(chain).encode()), (b"x-forwarded-proto", b"https"), (b"x-forwarded-prefix", b"/p/")]
    assert proxies.peer_of("9.9.9.9", headers, TRUSTED) == proxies.Peer(address="9.9.9.9")
    peer = proxies.peer_of("10.0.0.1", headers, TRUSTED)
    assert (peer.secure, peer.prefix, peer.believed) == (True, "/p", True)
    strangers = [part for part in chain if part in ("1.2.3.4", "5.6.7.8")]
    if peer.address in ("1.2.3.4", "5.6.7.8"):
        assert peer.address == strangers[-1]
    ipaddress.ip_address(peer.address)


@pytest.mark.parametrize("text", ["*", "0.0.0.0/0", "::/0", "box.lan", "10.0.0.1, *", "10.0.0.1/8"])
def test_a_list_of_everybody_or_of_nobody_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        proxies.networks(text)


@given(st.text(max_size=100), st.text(max_size=20))
def test_a_cookie_is_found_by_its_whole_name(before: str, value: str) -> None:
    header = f"{before}; xhermes_session=no; hermes_session={value}".encode("latin-1", "replace")
    found = cookies.tokens([(b"cookie", header)], "hermes_session")
    assert len(found) <= cookies.MOST and "no" not in found


def test_the_cookie_says_where_it_holds() -> None:
    plain = Caller(id="", address="", agent="", host="h", secure=False, prefix="")
    assert cookies.cookie(plain, "t", 5) == "hermes_session=t; Max-Age=5; Path=/; HttpOnly; SameSite=Lax"
    secure = Caller(id="", address="", agent="", host="h", secure=True, prefix="")
    assert cookies.cookie(secure, "t", 5) == "__Host-hermes_session=t; Max-Age=5; Path=/; HttpOnly; SameSite=Lax; Secure"
    below = Caller(id="", address="", agent="", host="h", secure=True, prefix="/any/prefix")
    assert cookies.cookie(below, "", 0) == "hermes_session=; Max-Age=0; Path=/any/prefix/; HttpOnly; SameSite=Lax; Secure"


@given(
    st.binary(max_size=40),
    st.lists(st.tuples(st.sampled_from([b"host", b"content-length", b"transfer-encoding", b"x"]), st.binary(max_size=8))),
)
def test_what_passes_has_one_host_and_one_length(target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if syntax.malformed(target, headers) is None:
        names = [name for name, _ in headers]
        assert target[:1] == b"/" and target[:2] != b"//"
        assert names.count(b"host") == 1 and names.count(b"content-length") + names.count(b"transfer-encoding") <= 1


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_a_body_is_64_levels_deep_at_most() -> None:
    bodies.parse(nested(64))
    for depth in (65, 1_000, 200_000):
        with pytest.raises(Invalid, match="nested too deeply"):
            bodies.parse(nested(depth))


@given(st.binary(max_size=200))
def test_every_body_is_an_object_or_invalid(body: bytes) -> None:
    try:
        assert isinstance(bodies.parse(body), dict)
    except Invalid as error:
        assert str(error)
