// Whether a message's wish to be told of its reading (RFC 8098) is fulfilled, and by whom that is decided.
import type { SettingsValue } from "../model/types.ts";
import { all, type Field, first, splitComments } from "./headers.ts";
import type { Standing } from "./story.ts";

export interface Asked {
	/** To whom it is to go. */
	to: string;
	/** Not without asking the person: it would go to several, or to another one than who has sent the message (RFC 8098 §2.1). */
	doubtful: boolean;
}

const ADDRESS = /[^\s<>"(),;:]+@[^\s<>"(),;:]+/g;

function addresses(value: string): string[] {
	return splitComments(value).plain.replace(/"(?:[^"\\]|\\.)*"\s*(?=<)/g, "").match(ADDRESS) ?? [];
}

/** Null: no receipt is wanted. */
export function readAsked(fields: readonly Field[]): Asked | null {
	const values = all(fields, "Disposition-Notification-To"), found = values.flatMap(addresses), to = found[0];
	if (!to) return null;
	const sender = addresses(first(fields, "Return-Path") ?? "")[0];
	return { to, doubtful: values.length > 1 || new Set(found.map((one) => one.toLowerCase())).size > 1 || sender?.toLowerCase() !== to.toLowerCase() };
}

export interface Reader {
	setting: SettingsValue["receipts"];
	keywords: Record<string, boolean>;
	/** Is the message of one's own? */
	own: boolean;
	/** Is its sender one of one's contacts? */
	known: boolean;
	standing: Standing;
}

/** What is done about it. By itself only to contacts, and where it is proved that the message is from them: a receipt says that an address is read. */
export function planReceipt(asked: Asked | null, { setting, keywords, own, known, standing }: Reader): "nothing" | "ask" | "send" {
	if (!asked || own || setting === "never" || keywords["$mdnsent"] || keywords["$draft"] || keywords["$junk"]) return "nothing";
	return setting === "always" && known && !asked.doubtful && (standing === "proved" || standing === "own" || standing === "forwarded") ? "send" : "ask";
}
