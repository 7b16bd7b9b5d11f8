import assert from "node:assert/strict";
import { test } from "node:test";
import { hue, initials } from "./avatar.ts";
import { windowOf } from "./window.ts";

test("initials are those of the first and the last word, in any script", () => {
	assert.equal(initials("Anna Maria Berg"), "AB");
	assert.equal(initials("борис"), "Б");
	assert.equal(initials("post.master@example.test"), "PM");
	assert.equal(initials('"Pombal" (list)'), "PL");
	assert.equal(initials("\u{1F600}"), "?");
});

test("an address always has the same colour", () => {
	assert.equal(hue("Anna@example.test"), hue("anna@example.test"));
	assert.ok(hue("x") >= 0 && hue("x") < 6);
});

test("of a long list only the rows around what is seen are made", () => {
	assert.deepEqual(windowOf(0, 700, 70, 100_000), { first: 0, last: 16 });
	assert.deepEqual(windowOf(70 * 50_000, 700, 70, 100_000), { first: 49_994, last: 50_016 });
	assert.deepEqual(windowOf(0, 700, 70, 3), { first: 0, last: 2 });
	assert.deepEqual(windowOf(0, 700, 70, 0), { first: 0, last: -1 });
	assert.deepEqual(windowOf(7_000_000, 700, 70, 5), { first: 4, last: 4 });
});
