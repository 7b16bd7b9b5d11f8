import assert from "node:assert/strict";
import { test } from "node:test";
import { linkAddress } from "./link.ts";

test("addresses are made whole", () => {
	for (const [typed, whole] of [["example.org", "https://example.org/"], ["http://example.org/a b", null], ["https://example.org/a", "https://example.org/a"], ["example.org:8080/x", "https://example.org:8080/x"],
		["anna@example.org", "mailto:anna@example.org"], ["mailto:a@b.c", "mailto:a@b.c"], ["почта.рф/путь", new URL("https://почта.рф/путь").href]] as const)
		assert.equal(linkAddress(typed), whole, typed);
});

test("nobody is led into a script, a file or nowhere", () => {
	for (const typed of ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "file:///etc/passwd", "vbscript:x", "word", "", "http://", "blob:x"])
		assert.equal(linkAddress(typed), null, typed);
});
