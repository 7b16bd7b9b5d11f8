import assert from "node:assert/strict";
import { test } from "node:test";
import { countChosen, extend, isChosen, keep, NOTHING, selectAll, toggle } from "./selection.ts";

const rows = ["a", "b", "c", "d", "e"];
const at = (index: number) => rows[index];

test("a range goes from the row that was chosen last, either way", () => {
	const one = toggle(NOTHING, "c", 2);
	assert.deepEqual([...extend(one, 4, at).chosen], ["c", "d", "e"]);
	assert.deepEqual([...extend(one, 0, at).chosen].sort(), ["a", "b", "c"]);
	assert.deepEqual([...extend(extend(one, 4, at), 1, at).chosen].sort(), ["b", "c", "d", "e"]);
	assert.deepEqual([...extend(NOTHING, 1, at).chosen], ["b"]);
});

test("one that is chosen again isn't any more, also of all", () => {
	assert.equal(toggle(toggle(NOTHING, "a", 0), "a", 0).chosen.size, 0);
	const less = toggle(selectAll(), "b", 1, rows);
	assert.ok(!less.all && !isChosen(less, "b") && isChosen(less, "a"));
});

test("all are also those that aren't loaded", () => {
	assert.equal(countChosen(selectAll(), 70_000), 70_000);
	assert.ok(isChosen(selectAll(), "whatever"));
});

test("what has left the list isn't chosen any more", () => {
	const two = toggle(toggle(NOTHING, "a", 0), "z", 9);
	assert.deepEqual([...keep(two, (id) => rows.includes(id)).chosen], ["a"]);
	assert.equal(keep(NOTHING, () => true), NOTHING);
});
