// A conversation as a row of a list.
import type { Row, ThreadView } from "../../model/types.ts";

export function rowOf(thread: ThreadView): Row | null {
	const email = thread.emails.at(-1);
	if (!email) return null;
	const emails = thread.emails;
	const has = (keyword: string) => emails.some((one) => one.keywords[keyword]);
	const labels = [...new Set(emails.flatMap((one) => Object.keys(one.keywords)))].filter((keyword) => !keyword.startsWith("$"));
	return { id: email.id, threadId: thread.id, email, emails, unread: emails.some((one) => !one.keywords.$seen), starred: has("$flagged"), hasAttachment: emails.some((one) => one.hasAttachment), labels };
}
