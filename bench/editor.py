"""Measure the editor: from each keystroke of a coach to the preview beside the text.

    python bench/editor.py

A workout is typed letter by letter into the editor of a team of 10, 100 and 500 athletes, and each
text is posted to the real server as the page posts it. Printed are the milliseconds of the round
trip, and how much of the keystrokes stayed under the 150 ms that are aimed at. Nothing is asserted.
"""

import http.client
import statistics
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import pages

AIM_MS = 150
TEXT = (
    "warm-up 1-2mi easy\ndrills leg swings, high knees, walking lunges\n"
    "3 x (4 x 400 @ mile, jog 100), jog 400\n1600-1200-800-400-200 @ 5k..mile, jog 400\n"
    "cool-down 1-2mi easy"
)
SIZES = (10, 100, 500)
WHOM = ("", "athlete")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="coachsite-bench-") as folder:
        var = Path(folder)
        pages.set_up(var)
        from tests.make import make_user

        coach = make_user(email="coach@club.example")
        teams = [pages.make_squad(coach, size, []) for size in SIZES]
        cookie = pages.log_in(coach)
        with pages.serve_site(var, cookie) as site:
            head = f"{'editor of a team of':<22}{'for':<10}{'keys':>6}"
            print(f"{head}{'p50':>8}{'p95':>8}{'max':>8}  ms")
            for team in teams:
                for whom in WHOM:
                    chosen = f"athlete-{team.athletes.earliest('pk').pk}" if whom else ""
                    times = type_in(site, team.slug, chosen)
                    print(line(team.athletes.count(), whom or "everyone", times))


def type_in(site: pages.Server, slug: str, whom: str) -> list[float]:
    """Post every beginning of the text, as a coach types it; return the milliseconds of each."""
    connection = http.client.HTTPConnection(pages.LOOPBACK, site.port, timeout=60)
    token = "t" * 32
    headers = {
        "Cookie": f"{site.cookie}; csrftoken={token}",
        "X-CSRFToken": token,
        "HX-Request": "true",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept-Encoding": "gzip",
    }
    times = []
    for end in range(1, len(TEXT) + 1):
        body = urllib.parse.urlencode({"notation": TEXT[:end], "for": whom})
        begun = time.perf_counter()
        connection.request("POST", f"/teams/{slug}/library/preview/", body, headers)
        response = connection.getresponse()
        response.read()
        times.append(1000 * (time.perf_counter() - begun))
        if response.status != 200:
            raise SystemExit(f"the preview answered {response.status}")
    return times


def line(size: int, whom: str, times: list[float]) -> str:
    ordered = sorted(times)
    under = 100 * sum(one < AIM_MS for one in times) / len(times)
    return (
        f"{size:<22}{whom:<10}{len(times):>6}{statistics.median(times):8.1f}"
        f"{ordered[len(ordered) * 95 // 100]:8.1f}{ordered[-1]:8.1f}"
        f"  {under:.0f} % under {AIM_MS} ms"
    )


if __name__ == "__main__":
    main()
