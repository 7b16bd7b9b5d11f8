// How a message in the queue fares, in a word.
import type { Queued } from "./types.ts";

export type QueuedName = "returned" | "held" | "waits" | "late" | "due";

export function queuedState(one: Queued, now = Date.now() / 1000): { name: QueuedName; kind: "good" | "warn" | "bad" | "quiet" } {
	if (one.recipients.length > 0 && one.recipients.every((each) => each.returned)) return { name: "returned", kind: "quiet" };
	if (one.held) return { name: "held", kind: "bad" };
	if (one.waiting) return { name: "waits", kind: "quiet" };
	if (one.recipients.some((each) => each.attempts > 0 && each.next_attempt > now)) return { name: "late", kind: "warn" };
	return { name: "due", kind: "good" };
}
