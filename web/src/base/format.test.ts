import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSize, formatWhen } from "./format.ts";

test("sizes are said in the unit that fits, by the rules of the language", () => {
	assert.equal(formatSize(0, "en"), "0\u00a0B");
	assert.equal(formatSize(999, "en"), "999\u00a0B");
	assert.equal(formatSize(1_000, "en"), "1\u00a0kB");
	assert.equal(formatSize(1_540_000, "en"), "1.5\u00a0MB");
	assert.equal(formatSize(1_540_000, "pt"), "1,5\u00a0MB");
	assert.equal(formatSize(1_540_000, "ru"), "1,5\u00a0МБ");
});

test("a list says of a date no more than it has to", () => {
	const now = new Date(2026, 10, 30, 14, 5);
	assert.match(formatWhen(new Date(2026, 10, 30, 9, 3), now, "ru"), /^0?9:03$/);
	assert.match(formatWhen(new Date(2026, 10, 30, 9, 3), now, "en"), /^9:03\sAM$/);
	assert.equal(formatWhen(new Date(2026, 10, 29, 23, 59), now, "en"), "Sun");
	assert.equal(formatWhen(new Date(2026, 10, 23), now, "en"), "Nov 23");
	assert.equal(formatWhen(new Date(2025, 11, 31), now, "ru"), "31.12.2025");
	assert.equal(formatWhen(new Date(2026, 11, 1), now, "en"), "Dec 1");
});
