// The messages that are being written: what pages call to begin one. Windows are shown by Writing.svelte; the editor is loaded when the first is opened.
import { untrack } from "svelte";
import { get } from "svelte/store";
import { t } from "../base/i18n.svelte.ts";
import type { Account, Draft, DraftContent, Message, Result } from "../model/types.ts";
import { toast } from "../ui/toasts.svelte.ts";
import type { StartKind } from "./start.ts";

export type Size = "normal" | "small" | "large";

export interface Written {
	account: Account;
	draft: Draft;
	size: Size;
}

const MOST = 8; // windows: more is a mistake, and the oldest is closed (and kept in Drafts)
let windows = $state<Written[]>([]);
let senders = $state.raw<readonly Account[]>([]);

/** The accounts that one may write from. */
export function writers(): readonly Account[] {
	return senders;
}
/** Who is signed in says so; windows of others are closed. */
export function setWriters(accounts: readonly Account[]): void {
	senders = accounts;
	untrack(() => {
		if (windows.some((one) => !accounts.includes(one.account))) windows = windows.filter((one) => accounts.includes(one.account));
	});
}

export function written(): Written[] {
	return windows;
}

/** Shows a draft, or brings the window forward that has it. */
export function show(account: Account, draft: Draft): void {
	const others = windows.filter((one) => one.draft.key !== draft.key).map((one) => ({ ...one, size: "small" as const }));
	for (const gone of others.splice(0, Math.max(0, others.length - MOST + 1))) gone.draft.close();
	windows = [...others, { account, draft, size: "normal" }];
}

export function resize(draft: Draft, size: Size): void {
	windows = windows.map((one) => one.draft.key === draft.key ? { ...one, size } : size === "small" ? one : { ...one, size: "small" });
}

/** What is written goes on as another account's, in the same window. */
export function exchange(draft: Draft, account: Account, fresh: Draft): void {
	windows = windows.map((one) => one.draft.key === draft.key ? { ...one, account, draft: fresh } : one);
}

/** Takes the window away; the draft is whoever's closed it. */
export function hide(draft: Draft): void {
	windows = windows.filter((one) => one.draft.key !== draft.key);
}

function failed(): void {
	toast(t("compose.notOpened"), { kind: "error" });
}

/** A new message. */
export async function writeNew(account: Account, content: Partial<DraftContent> = {}): Promise<void> {
	const { startNew } = await import("./start.ts");
	show(account, startNew(account, get(account.identities), get(account.settings), content));
}

/** What a mailto: link begins; nothing for other links. */
export async function writeTo(account: Account, url: string): Promise<void> {
	const { parseMailto } = await import("./mailto.ts");
	const content = parseMailto(url);
	if (content) await writeNew(account, content);
}

/** Answers or forwards a message. One that is attached to another is of no mailbox, and has no id: it is taken as it was read. */
export async function writeAnswer(account: Account, original: Message, kind: StartKind): Promise<void> {
	const read = original.id ? account.messages.read(original.id) : Promise.resolve<Result<Message>>({ ok: true, value: original });
	const [{ startAnswer }, message]: [typeof import("./start.ts"), Result<Message>] = await Promise.all([import("./start.ts"), read]);
	if (message.ok) show(account, startAnswer(account, message.value, kind, get(account.identities), get(account.settings)));
	else failed();
}

/** Goes on with a draft that was begun before, here or elsewhere. */
export async function writeOn(account: Account, which: { emailId: string } | { key: string }): Promise<void> {
	const draft = await account.drafts.open(which);
	if (draft.ok) show(account, draft.value);
	else failed();
}
