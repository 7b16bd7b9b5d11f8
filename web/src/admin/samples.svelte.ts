/* The running server's numbers over time: it tells only what is so now, so they are asked for again and again as long as these pages are open. */
import { run } from "./api.ts";
import { currentServer } from "./servers.svelte.ts";
import type { Metrics } from "./types.ts";

export const STEP_SECONDS = 5;
const KEPT = 720; // an hour

export interface Sample {
	/** Seconds since 1970. */
	time: number;
	metrics: Metrics;
}

let samples = $state.raw<Sample[]>([]);
let failed = $state(false);
let of: string | null = null;
let watchers = 0, timer: ReturnType<typeof setInterval> | undefined;

export function taken(): Sample[] {
	return samples;
}
export function lastFailed(): boolean {
	return failed;
}

async function take(): Promise<void> {
	if (document.hidden) return;
	const origin = currentServer()?.origin ?? null, answer = await run<Metrics>({ command: "metrics" });
	if (origin !== of) {
		of = origin;
		samples = [];
	}
	failed = !answer.ok;
	if (answer.ok) samples = [...samples.slice(1 - KEPT), { time: Date.now() / 1000, metrics: answer.value }];
}

/** From now on, until what it gives is called. */
export function watchMetrics(): () => void {
	if (watchers++ === 0) {
		void take();
		timer = setInterval(() => void take(), STEP_SECONDS * 1000);
	}
	return () => {
		if (--watchers === 0) clearInterval(timer);
	};
}

/** One measure of all roles together; or of one. */
export function total(metrics: Metrics, kind: "value" | "event", name: string, role?: string): number {
	return Object.entries(metrics).reduce((sum, [one, has]) => (role && role !== one ? sum : sum + (has[kind]?.[name] ?? 0)), 0);
}

/** How much was added within a minute, at the end of each step; a counter begins anew with its process. */
export function perMinute(times: readonly number[], counts: readonly number[]): (number | null)[] {
	return counts.map((count, i) => {
		const before = counts[i - 1], since = (times[i] ?? 0) - (times[i - 1] ?? 0);
		return before === undefined || since <= 0 ? null : (Math.max(0, count >= before ? count - before : count) * 60) / since;
	});
}
