"""What a careful eye would find wrong with a page, measured in the browser."""

from __future__ import annotations

from playwright.sync_api import Page

_FAULTS = r"""() => {
  const found = [], root = document.documentElement;
  if (root.scrollWidth > root.clientWidth)
    found.push(`wider than the screen: ${root.scrollWidth} > ${root.clientWidth}`);
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) found.push(`${headings} h1`);
  if (!document.querySelector("main a[href], main button"))
    found.push("no way on");
  for (const icon of document.querySelectorAll("svg")) {
    const box = icon.getBoundingClientRect();
    if (!icon.closest(".timeline .scroll, .qr, .bars") && Math.max(box.width, box.height) > 64)
      found.push(`an icon of ${Math.round(box.width)} by ${Math.round(box.height)}`);
  }
  return found.concat(overlaps());

  // What is seen of a box: clipped by every ancestor that clips.
  function seen(box, element) {
    let {left, top, right, bottom} = box;
    for (let one = element; one && one !== root; one = one.parentElement) {
      const style = getComputedStyle(one);
      if (style.overflowX === "visible" && style.clipPath === "none") continue;
      const frame = one.getBoundingClientRect();
      if (style.clipPath !== "none") return null;
      left = Math.max(left, frame.left); right = Math.min(right, frame.right);
      top = Math.max(top, frame.top); bottom = Math.min(bottom, frame.bottom);
    }
    return right - left > 2 && bottom - top > 2 ? {left, top, right, bottom} : null;
  }

  function overlaps() {
    const UNSEEN = "script, style, title, select, textarea, .visually-hidden, .skip";
    const boxes = [], said = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const text = texts.currentNode, parent = text.parentElement;
      if (!text.data.trim() || !parent.checkVisibility({visibilityProperty: true})) continue;
      if (parent.matches("details:not([open])")) continue;
      if (parent.closest(UNSEEN)) continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const line of range.getClientRects()) {
        const box = seen(line, parent);
        if (box) boxes.push({...box, node: text, words: text.data.trim().slice(0, 30)});
      }
    }
    for (const control of document.querySelectorAll("input, select, textarea, button, .btn")) {
      if (control.type === "hidden" || !control.checkVisibility()) continue;
      const box = seen(control.getBoundingClientRect(), control.parentElement);
      if (box) boxes.push({...box, node: control, words: `<${control.name}>`});
    }
    boxes.sort((a, b) => a.top - b.top);
    for (let i = 0; i < boxes.length; i++) {
      for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom - 4; j++) {
        const [a, b] = [boxes[i], boxes[j]];
        if (a.node === b.node || a.node.contains(b.node) || b.node.contains(a.node)) continue;
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3)
          said.push(`"${a.words}" overlaps "${b.words}"`);
      }
    }
    return said.slice(0, 5);
  }
}"""


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page as it is shown now, in words."""
    return [f"{page.url}: {fault}" for fault in page.evaluate(_FAULTS)]


def too_wide(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))
