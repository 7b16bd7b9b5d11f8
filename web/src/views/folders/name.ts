// What a folder may be called: levels are divided by "/" in IMAP, and the server takes no control characters.

const BYTES_MAX = 200;

/** What is wrong with a name among those that are there; null: nothing. */
export function nameProblem(name: string, siblings: readonly string[]): "nameEmpty" | "nameSlash" | "nameTaken" | "nameLong" | null {
	const wanted = name.trim();
	if (!wanted) return "nameEmpty";
	if (/[/\p{Cc}]/u.test(wanted)) return "nameSlash";
	if (new TextEncoder().encode(wanted).length > BYTES_MAX) return "nameLong";
	return siblings.some((one) => one.toLocaleLowerCase() === wanted.toLocaleLowerCase()) ? "nameTaken" : null;
}
