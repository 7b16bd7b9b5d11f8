import assert from "node:assert/strict";
import { test } from "node:test";
import { snoozeTimes } from "./snooze.ts";

const said = (now: Date) => snoozeTimes(now).map((one) => `${one.key} ${one.at.getDate()} ${one.at.getHours()}`);

test("what is offered lies ahead, and says what the word says", () => {
	assert.deepEqual(said(new Date(2026, 10, 30, 10)), ["later 30 18", "tomorrow 1 8", "weekend 5 9", "week 7 8"]); // a Monday
	assert.deepEqual(said(new Date(2026, 11, 4, 20)), ["tomorrow 5 8", "week 7 8"]); // a Friday
	assert.deepEqual(said(new Date(2026, 11, 6, 12)), ["later 6 18", "tomorrow 7 8", "week 7 8"]); // a Sunday
});
