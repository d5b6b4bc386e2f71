"""Lists that go over many pages."""

from __future__ import annotations

from starlette.requests import Request

from fiqa.studio_app.desk import number

__all__ = ["address", "paged"]


def paged(request: Request, count: int, size: int) -> tuple[int, int]:
    """Returns how many pages a list has, and which one is asked for, from 1.

    Args:
        request: whose address has it.
        count: entries of the list.
        size: entries of a page.

    Raises:
        InputError: there is no such page.
    """
    pages = max(1, -(-count // size))
    return pages, number(request.query_params.get("page", "1"), "page", pages + 1, least=1)


def address(request: Request) -> str:
    """Returns the address of a list without its page, to which `page=N` can be added.

    Args:
        request: of one of its pages.
    """
    query = request.url.remove_query_params("page").query
    return f"{request.url.path}?{query}&" if query else f"{request.url.path}?"
