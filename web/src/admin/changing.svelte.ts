/* A change of the configuration takes itself back unless it is confirmed: what cuts off this page's own connection heals itself. Small changes are confirmed as soon as the
 * server has answered once more; others wait for a person, who sees a countdown (parts/Waiting.svelte). */
import { t } from "../base/i18n.svelte.ts";
import { toast } from "../ui/toasts.svelte.ts";
import { run, type Failure } from "./api.ts";
import type { Change } from "./types.ts";

export const CONFIRM_SECONDS = 60;
const TRY_MS = 1000;
let waiting = $state.raw<Change | null>(null);
let ended = $state(0);

/** The change that waits for a person; null: none. */
export function waitingChange(): Change | null {
	return waiting;
}
/** Another number each time that a change was kept or taken back: for who shows values. */
export function changesEnded(): number {
	return ended;
}

async function begin(command: { command: string; arguments: string[] }, ask: boolean): Promise<Failure | null> {
	const answer = await run<Change>({ ...command, options: { confirm: String(CONFIRM_SECONDS) } });
	if (!answer.ok) return answer.error;
	if (!ask) return keep(answer.value);
	waiting = answer.value;
	return null;
}

/** Puts "OPTION=VALUE" into effect; all are one change. `ask`: a person confirms it. Null: it is done, or waits. */
export function changeOptions(assignments: string[], ask = false): Promise<Failure | null> {
	return begin({ command: "config set", arguments: assignments }, ask);
}
/** Puts the values back that were there before that change. */
export function undoChange(number: number): Promise<Failure | null> {
	return begin({ command: "config undo", arguments: [String(number)] }, false);
}

// Tries as long as the server may still be finding back.
async function keep(change: Change): Promise<Failure | null> {
	const end = (change.confirm_by ?? 0) * 1000;
	for (;;) {
		const answer = await run({ command: "config confirm" });
		if (answer.ok) return null;
		if ((answer.error.kind !== "offline" && answer.error.kind !== "busy") || Date.now() > end) return answer.error;
		await new Promise((resolve) => setTimeout(resolve, TRY_MS));
	}
}

/** What waits holds from now on. */
export async function keepChange(): Promise<void> {
	if (!waiting) return;
	const failure = await keep(waiting);
	end(t(failure ? "admin.settings.takenBack" : "admin.settings.kept"), !!failure);
}
/** What waits is undone at once. */
export async function takeBackChange(): Promise<void> {
	if (!waiting) return;
	const answer = await run({ command: "config undo", arguments: [String(waiting.number)] });
	end(t(answer.ok ? "admin.settings.takenBack" : "admin.settings.willBeTakenBack"), false);
}
/** Its time is over: the server has taken it back. */
export function changeRanOut(): void {
	end(t("admin.settings.takenBack"), true);
}
function end(text: string, failed: boolean): void {
	waiting = null;
	ended++;
	toast(text, failed ? { kind: "error", seconds: 30 } : {});
}
