import assert from "node:assert/strict";
import { test } from "node:test";
import { fromLocal, proposals, toLocal } from "./later.ts";

const said = (now: Date) => proposals(now).map(({ key, at }) => `${key} ${toLocal(at)}`);

test("times are proposed that are still to come, none twice", () => {
	assert.deepEqual(said(new Date(2026, 10, 25, 10)), [ // a Wednesday
		"laterToday 2026-11-25T18:00", "tomorrowMorning 2026-11-26T08:00", "tomorrowAfternoon 2026-11-26T14:00", "mondayMorning 2026-11-30T08:00",
	]);
	assert.deepEqual(said(new Date(2026, 10, 29, 22)), ["tomorrowMorning 2026-11-30T08:00", "tomorrowAfternoon 2026-11-30T14:00"]); // a Sunday
	assert.deepEqual(said(new Date(2026, 10, 30, 16)).at(-1), "mondayMorning 2026-12-07T08:00"); // a Monday
});

test("what is chosen lies in the future", () => {
	const now = new Date(2026, 10, 25, 10);
	assert.equal(fromLocal("2026-11-25T10:01", now)?.getMinutes(), 1);
	assert.equal(fromLocal("2026-11-25T10:00", now), null);
	assert.equal(fromLocal("", now), null);
});
