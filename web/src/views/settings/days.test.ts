import assert from "node:assert/strict";
import { test } from "node:test";
import { dayOf, endOf, startOf } from "./days.ts";

test("a day goes there and back", () => {
	for (const day of ["2026-12-24", "2026-03-29", "2028-02-29"]) {
		assert.equal(dayOf(startOf(day)), day);
		assert.equal(dayOf(new Date(Date.parse(endOf(day)!) - 1).toISOString()), day);
	}
	assert.deepEqual([startOf(""), endOf("x"), dayOf(null), dayOf("never")], [null, null, "", ""]);
	assert.match(startOf("2026-12-24")!, /^2026-12-2[345]T\d\d:\d\d:00Z$/);
});
