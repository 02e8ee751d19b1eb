"""Who may see a dashboard, and what they may do: everybody on this machine, or whoever shows an API key."""

from __future__ import annotations

import ipaddress
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.server.auth_provider import AuthProvider
from tornado.web import RequestHandler

from locum.exceptions import LocumError, StudyError
from locum.queries import Key, Keys, Scope
from locum.reports.html import Markup, element, page, paragraph

_USER = "user"  # the cookie from which Panel takes the name of a session's user
_DAYS = 7

_DOES = {
    Scope.READ: "see studies",
    Scope.PREDICT: "ask surrogates",
    Scope.SIMULATE: "start simulations",
    Scope.PROMOTE: "change which version answers",
}


class Guard:
    """What the session at hand may do.

    Parameters
    ----------
    path
        File of API keys, as `locum keys add` writes it; everybody may do everything where there is none.

    Raises
    ------
    StorageError
        The file cannot be read.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._keys()

    def may(self, scope: Scope) -> bool:
        """Whether the session at hand may do this; a key that was taken away allows nothing."""
        if self.path is None:
            return True
        return any(key.name == pn.state.user and scope in key.scopes for key in self._keys())

    def require(self, scope: Scope) -> None:
        """Refuse what the session at hand may not do.

        Raises
        ------
        LocumError
            Its key does not allow it.
        """
        if not self.may(scope):
            raise LocumError(f"your key does not allow to {_DOES[scope]}: it lacks the scope {scope.value}")

    def find(self, secret: str) -> Key | None:
        """The key that somebody shows; None where it is unknown or does not allow to see studies."""
        if self.path is None:
            return None
        key = Keys.load(self.path).find(secret)
        return key if key is not None and Scope.READ in key.scopes else None

    def _keys(self) -> list[Key]:
        return [] if self.path is None else list(Keys.load(self.path).by_digest.values())


def refuse_open_host(host: str, keys: Path | None) -> None:
    """Refuse to show a dashboard to other machines without keys.

    Raises
    ------
    StudyError
        The address is not one of this machine's own (loopback), and there is no file of keys.
    """
    try:
        own = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = False
    if not (own or keys):
        raise StudyError(
            f"--host {host}: who sees the dashboard can start simulations, so beyond this machine it asks "
            "for API keys: make one with `locum keys add`, and name their file with --keys"
        )


class KeyLogin(AuthProvider):  # type: ignore[misc]
    """Bokeh's door: a page that asks for an API key, and a cookie for whoever showed one.

    Parameters
    ----------
    guard
        Knows the keys.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__()

    @property
    def get_user(self) -> Any:
        """Name of the key that a request showed; None sends it to the login."""

        def user(handler: RequestHandler) -> str | None:
            name = handler.get_secure_cookie(_USER, max_age_days=_DAYS)
            return name.decode() if name else None

        return user

    @property
    def get_user_async(self) -> None:
        """Nothing has to be waited for."""

    @property
    def login_url(self) -> str:
        """Where the login is."""
        return "/login"

    @property
    def get_login_url(self) -> None:
        """It is the same for everybody."""

    @property
    def login_handler(self) -> type[RequestHandler]:
        """The page that asks for a key."""
        guard = self._guard

        class Login(_Login):
            find = staticmethod(guard.find)

        return Login

    @property
    def logout_url(self) -> str:
        """Where one leaves."""
        return "/logout"

    @property
    def logout_handler(self) -> type[RequestHandler]:
        """The page that forgets a key."""
        return _Logout


class _Login(RequestHandler):
    find: Any

    def get(self) -> None:
        """Ask for a key."""
        self.finish(_form())

    def post(self) -> None:
        """Let in whoever shows a key that may see studies."""
        key = self.find(self.get_body_argument("key", "").strip())
        if key is None:
            self.set_status(401)
            self.finish(_form("This key is not known here, or does not allow to see studies."))
            return
        self.set_secure_cookie(_USER, key.name, expires_days=_DAYS, httponly=True, samesite="Strict")
        self.redirect("./")


class _ToLogin(RequestHandler):
    def get(self) -> None:
        """Lead to the one login there is."""
        self.redirect("/login")


LOGIN_FROM_BELOW = (r"/studies/(?:.*/)?login", _ToLogin)
"""Panel sends whoever has to log in to ``login`` beside the page that was asked for."""


class _Logout(RequestHandler):
    def get(self) -> None:
        """Forget who it was."""
        self.clear_cookie(_USER)
        self.redirect("./login")


def _form(fault: str = "") -> str:
    field = Markup(
        '<input type="password" name="key" aria-label="API key" autofocus autocomplete="current-password" '
        'style="font:inherit;padding:6px 10px;width:26em;max-width:100%"> '
        '<button style="font:inherit;padding:6px 16px">Enter</button>'
    )
    return page(
        "locum",
        element(
            "main",
            element(
                "section",
                element("h2", "Studies"),
                paragraph("This dashboard is for whoever has an API key of it."),
                element("form", field, method="post"),
                paragraph(escape(fault), class_="missing") if fault else "",
            ),
        ),
    )
