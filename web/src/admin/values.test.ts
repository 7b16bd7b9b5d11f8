import assert from "node:assert/strict";
import { test } from "node:test";
import { editable, isPlausible, shown, written } from "./values.ts";

test("values are written as the file has them", () => {
	assert.equal(written("list", "192.0.2.1\n spam.example \n\n"), '{"192.0.2.1", "spam.example"}');
	assert.equal(written("text", 'say "yes" \\ no'), '"say \\"yes\\" \\\\ no"');
	assert.equal(written("size", " 25M "), "25M");
});

test("what is edited is read from what the server has", () => {
	assert.equal(editable(["a", "b"]), "a\nb");
	assert.equal(editable(true), "yes");
	assert.equal(editable(null), "");
	assert.equal(editable(26_214_400, "size"), "25M");
	assert.equal(editable(1000, "size"), "1000");
	assert.equal(editable(432_000, "time"), "5d");
	assert.equal(editable(0, "time"), "0");
	assert.equal(shown([]), "–");
});

test("what can't be a value is known before the server is asked", () => {
	assert.equal(isPlausible("number", "12"), true);
	assert.equal(isPlausible("number", "a few"), false);
	assert.equal(isPlausible("time", "1h30m"), true);
	assert.equal(isPlausible("time", "soon"), false);
	assert.equal(isPlausible("size", "25M"), true);
	assert.equal(isPlausible("flag", "maybe"), false);
});
