import re
import shutil
import subprocess
import sys

from playwright.sync_api import expect, sync_playwright

browser_name, origin, netsky, store = sys.argv[1:]
errors = []

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=shutil.which(browser_name), args=["--no-sandbox"])
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    # SQL: typed over what is there, completed with Tab, run with Ctrl-Enter.
    page.goto(f"{origin}/#/sql?token=secret")
    page.wait_for_selector(".editor")
    assert "secret" not in page.url, page.url
    page.wait_for_timeout(500)
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT agent, count(*) AS calls FROM token_usage WHERE mod")
    page.wait_for_selector(".cm-tooltip-autocomplete")
    # The list takes no key in its first moments.
    page.wait_for_timeout(200)
    page.keyboard.press("Tab")
    page.keyboard.type(" = 'opus-4' GROUP BY agent ORDER BY agent")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".facts")).to_contain_text("10 rows in")
    assert "opus-4" in page.url, page.url

    # The rows are reached with Tab, and read with arrow keys and Enter.
    page.keyboard.press("Escape")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.locator(".grid:focus").count():
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".grid-whole")).to_have_text("agent1")

    # A link to the query runs it again.
    page.reload()
    expect(page.locator(".facts")).to_contain_text("10 rows in")

    # 10,000 rows are in the grid, but only those in sight are elements.
    page.goto(f"{origin}/#/sql?q=SELECT+*+FROM+generate_series(1,20000)")
    expect(page.locator(".facts")).to_contain_text("the first 10,000 rows")
    page.locator(".grid").focus()
    page.keyboard.press("Control+End")
    expect(page.locator(".grid [aria-selected]")).to_have_text("10000")
    assert page.locator(".grid [role=gridcell]").count() < 200

    # Pages by key, ranges by key, and the address has both.
    page.locator(".facts").click()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.locator(".tile .value").first).to_contain_text("$")
    page.keyboard.press("4")
    expect(page).to_have_url(re.compile(r"#/cost\?range=7d$"))

    # Live: a row that another process records.
    page.goto(f"{origin}/#/live?table=ticks")
    expect(page.locator(".live-state")).to_contain_text("following")
    row = '{"source":"from-elsewhere","detail_json":"{}"}'
    subprocess.run([netsky, "--db", store, "record", "ticks", row], check=True, stdout=subprocess.DEVNULL)
    expect(page.locator(".live-list details").first).to_contain_text("from-elsewhere")
    browser.close()

assert not errors, errors
