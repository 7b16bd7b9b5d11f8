// What is done, and told: a toast says what became of it.
import { t } from "../base/i18n.svelte.ts";
import { toast } from "../ui/toasts.svelte.ts";
import { run, type Command, type Failure, type Result } from "./api.ts";

const KNOWN = ["exists", "not_found", "disk_full", "limit", "denied", "time", "too_many", "too_large"] as const;

/** A failure as a person reads it: what it means, and the server's own words where these say more. */
export function failureText(failure: Failure): string {
	const known = KNOWN.find((one) => one === failure.code);
	const text = known ? t(`admin.code.${known}`) : t(`admin.failure.${failure.kind}`);
	return failure.message && failure.kind === "refused" ? t("admin.why", { text, why: failure.message }) : text;
}

/** Does it, and tells: `done` when it is, why when it isn't. `undo`: what takes it back. */
export async function act<T>(command: Command, done: string, undo?: () => Promise<unknown>): Promise<Result<T>> {
	const answer = await run<T>(command);
	if (answer.ok) toast(done, undo ? { action: { label: t("ui.undo"), act: () => void undo() } } : {});
	else toast(failureText(answer.error), { kind: "error" });
	return answer;
}

export async function copy(text: string): Promise<void> {
	try {
		await navigator.clipboard.writeText(text);
		toast(t("admin.copied"));
	} catch {
		toast(t("admin.notCopied"), { kind: "error" });
	}
}
