// What a writer may want to know before a message goes: he says "attached" and nothing is, hundreds would see each other's addresses, a subject is missing.
import type { EmailAddress } from "../model/types.ts";

export type Warning =
	| { kind: "noRecipient" }
	| { kind: "badAddress"; text: string }
	| { kind: "noSubject" }
	| { kind: "forgottenAttachment"; word: string }
	| { kind: "manyRecipients"; n: number }
	| { kind: "notUploaded"; n: number };

/** From so many in To and Cc on, Bcc is proposed. */
export const MANY_RECIPIENTS = 15;

// Beginnings of words, as somebody writes who attaches something: English, Portuguese, Russian. At a word's beginning, in any case, also inflected.
const ATTACHED = [
	"attach", "enclos", "see the file",
	"anex", "em anexo", "segue o ficheiro", "segue o arquivo", "junto envio",
	"влож", "прикреп", "приклад", "приложен", "прилага", "во вложении", "прицеп",
];
const WORDS = new RegExp(`(?<![\\p{L}\\p{N}])(?:${ATTACHED.join("|")})[\\p{L}]*`, "iu");

/** What was written here: without what is quoted, without the signature and what is forwarded. */
export function ownWords(text: string): string {
	const own: string[] = [];
	for (const line of text.replace(/\r\n?/gu, "\n").split("\n")) {
		if (line === "-- " || /^-{8,} .* -{8,}$/u.test(line)) break;
		if (!line.startsWith(">")) own.push(line);
	}
	return own.join("\n");
}

export interface Written {
	to: readonly EmailAddress[];
	cc: readonly EmailAddress[];
	bcc: readonly EmailAddress[];
	/** What stands in the fields of addresses and is none. */
	unreadable: readonly string[];
	subject: string;
	text: string;
	attachments: readonly { blobId: string | null; cid: string | null }[];
}

/** Those that keep it from going (noRecipient, badAddress, notUploaded) come first; of the others the writer decides. */
export function warnings(written: Written): Warning[] {
	const found: Warning[] = [];
	const n = written.to.length + written.cc.length;
	if (written.unreadable.length) found.push(...written.unreadable.map((text) => ({ kind: "badAddress" as const, text })));
	else if (n + written.bcc.length === 0) found.push({ kind: "noRecipient" });
	const loading = written.attachments.filter(({ blobId }) => blobId === null).length;
	if (loading) found.push({ kind: "notUploaded", n: loading });
	if (written.subject.trim() === "") found.push({ kind: "noSubject" });
	const word = WORDS.exec(`${written.subject}\n${ownWords(written.text)}`)?.[0];
	if (word && !written.attachments.some(({ cid }) => cid === null)) found.push({ kind: "forgottenAttachment", word });
	if (n >= MANY_RECIPIENTS) found.push({ kind: "manyRecipients", n });
	return found;
}

export function prevents(warning: Warning): boolean {
	return warning.kind === "noRecipient" || warning.kind === "badAddress" || warning.kind === "notUploaded";
}
