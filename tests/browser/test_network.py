"""Choosing a network: what applies is shown; its diagram; training images as they are altered."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server

WEIGHTS = re.compile(r"^[\d,]+ weights")


def test_train_is_within_reach_whatever_the_architecture(server: Server, page: Page) -> None:
    page.goto(server.url)
    train = page.get_by_role("button", name="Train", exact=True)
    for architecture in ("Dense", "Convolutional"):
        page.get_by_text(architecture, exact=True).click()
        expect(page.get_by_role("spinbutton", name="Blocks")).to_have_count(
            int(architecture == "Convolutional")
        )
        expect(train).to_be_in_viewport(ratio=1)


def test_the_address_has_no_blocks_of_a_dense_network(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?architecture=convolutional&blocks=3&filters_1=8&layers=0&rotation=5")
    expect(page.get_by_role("spinbutton", name="Blocks")).to_have_value("3")
    expect(page.get_by_role("spinbutton", name="Filters in 1")).to_have_value("8")
    expect(page.get_by_role("spinbutton", name="Units in 1")).to_be_hidden()
    page.reload()
    expect(page.get_by_role("spinbutton", name="Blocks")).to_have_value("3")

    page.get_by_text("Dense", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Units in 2")).to_have_value("256")
    expect(page).to_have_url(re.compile(r"\?rotation=5$"))


def test_altered_images_follow_a_slider(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_text("Augmentation", exact=True).click()
    plain = picture(page, "Sixteen training images")

    page.get_by_role("slider", name="Rotation").press("End")
    turned = picture(page, "Sixteen training images, altered")
    page.get_by_role("button", name="Alter them anew").click()

    assert turned != plain
    expect(page.get_by_role("img", name="Sixteen training images, altered")).not_to_have_attribute(
        "src", turned
    )


def picture(page: Page, name: str) -> str:
    image = page.get_by_role("img", name=name, exact=True)
    expect(image).to_be_visible()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 400
    return str(image.get_attribute("src"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_diagram_fits_a_phone_and_can_be_seen(server: Server, phone: Page, scheme: str) -> None:
    phone.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    phone.goto(f"{server.url}/?architecture=convolutional")
    phone.get_by_text(WEIGHTS).click()
    diagram = phone.get_by_role("table", name="The layers of the network")
    expect(diagram.get_by_role("row", name="Convolution 3 × 3 14 × 14 × 64 18,432")).to_be_visible()
    sheet = diagram.locator("i:last-child").first
    fill, line = sheet.evaluate(
        "sheet => [getComputedStyle(sheet).backgroundColor, getComputedStyle(sheet).borderTopColor]"
    )
    assert "0, 0, 0, 0" not in fill  # nothing at all
    assert fill != line
    wide = phone.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    box = diagram.bounding_box()
    assert box
    assert box["x"] + box["width"] <= 360
