"""Choosing a network: what applies is shown; its drawing; training images as they are altered."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server


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
def test_the_drawing_fits_a_phone_and_follows_the_form(
    server: Server, phone: Page, scheme: str
) -> None:
    phone.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    phone.goto(f"{server.url}/?architecture=convolutional")
    drawing = phone.get_by_role("list", name="The network, from the picture to the answer")
    block = drawing.get_by_role("listitem").filter(has_text="Convolution 3 × 3 18,432 weights")
    expect(block).to_contain_text("14 × 14 × 64")
    assert (
        block.locator("img").first.evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        == 14
    )

    units = phone.get_by_role("spinbutton", name="Units in 1")
    units.fill("8")
    units.press("Enter")
    hidden = drawing.get_by_role("listitem").filter(has_text="Dense, relu")
    expect(hidden).to_contain_text("25,096 weights")
    circles = hidden.locator("i")
    expect(circles).to_have_count(8)
    full = {
        circles.nth(number).evaluate("i => getComputedStyle(i, '::before').backgroundColor")
        for number in range(8)
    }
    assert len(full) > 1  # some answer more than others
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    for row in drawing.get_by_role("listitem").all():
        for part in row.locator(":scope > div, .pictures > span, .pictures > b, .units > i").all():
            box = part.bounding_box()
            assert box
            assert box["x"] + box["width"] <= 360
    form, box = phone.get_by_test_id("stExpander").last.bounding_box(), drawing.bounding_box()
    assert form
    assert box
    assert form["y"] + form["height"] < box["y"]
