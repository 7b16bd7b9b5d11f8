import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSize } from "./format.ts";

test("sizes are said in the unit that fits, by the rules of the language", () => {
	assert.equal(formatSize(0, "en"), "0\u00a0B");
	assert.equal(formatSize(999, "en"), "999\u00a0B");
	assert.equal(formatSize(1_000, "en"), "1\u00a0kB");
	assert.equal(formatSize(1_540_000, "en"), "1.5\u00a0MB");
	assert.equal(formatSize(1_540_000, "pt"), "1,5\u00a0MB");
	assert.equal(formatSize(1_540_000, "ru"), "1,5\u00a0МБ");
});
