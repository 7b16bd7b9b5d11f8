import assert from "node:assert/strict";
import { test } from "node:test";
import { cleanStyle, pictureOf } from "./clean.ts";

test("of styles only what is about type and boxes stays, and nothing that asks for something", () => {
	assert.equal(cleanStyle("color: #f00; position:fixed; FONT-SIZE:14px ;background:url(https://x.example/)"), "color: #f00; FONT-SIZE:14px");
	for (const bad of ["background-color: url(https://x.example/)", "width: expression(alert(1))", "color: \\75rl(x)", "font-family: a}b{", "list-style-image: url(x)", "color: image-set('x' 1x)", "margin: var(--x)", "color:/**/red", "behavior: x"])
		assert.equal(cleanStyle(bad), "", bad);
	assert.equal(cleanStyle("font-family: 'Segoe UI', Arial; border-left: 1px solid rgb(0, 0, 0)"), "font-family: 'Segoe UI', Arial; border-left: 1px solid rgb(0, 0, 0)");
});

test("data: becomes a picture if it is one that every browser shows", () => {
	assert.equal(pictureOf("data:image/png;base64,iVBORw0KGgo=")?.size, 8);
	for (const bad of ["data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,PGI+", "data:image/png,abc", "data:image/png;base64,%%%", "https://x.example/a.png"])
		assert.equal(pictureOf(bad), null, bad);
});
