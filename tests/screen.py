"""A browser without a window, and what is wrong with the page that it shows."""

from selenium import webdriver

WIDTHS = (1280, 375)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def browser(driver, **preferences):
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", preferences)
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


def faults_at_width(page, axe, width):
    """The faults of the open page at a width in pixels; `axe` is the text of axe-core."""
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
    )
    page.execute_script(axe)
    result = page.execute_async_script(
        "const done = arguments[arguments.length - 1];"
        "axe.run({runOnly: arguments[0]}).then(done, error => done({error: String(error)}))",
        RULES,
    )
    if "error" in result:
        raise RuntimeError(result["error"])
    if not result["passes"]:
        yield "axe-core checked nothing"
    for violation in result["violations"]:
        yield f"axe-core: {violation['id']}: {violation['nodes'][0]['html'][:200]}"
    extra = page.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
    if extra > 0:
        yield f"the page is {extra} px wider than the window"
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    for name in {name for name in ids if ids.count(name) > 1}:
        yield f"the id {name} occurs twice"
    links = page.execute_script("return [...document.links].map(a => a.getAttribute('href'))")
    for link in {link for link in links if link.startswith("#") and link[1:] not in ids}:
        yield f"the link {link} has no target"
