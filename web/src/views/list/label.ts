// Labels are keywords of IMAP and JMAP, which are ASCII without spaces; their names are kept in the settings.

/** A keyword for a name, that none of the others is: "Urlaub 2026" is "urlaub_2026", "Отпуск" is "label1". */
export function keywordOf(name: string, taken: readonly string[]): string {
	const plain = name.normalize("NFKD").toLowerCase().replace(/\p{M}/gu, "").replace(/\s+/g, "_").replace(/[^a-z0-9_-]/g, "").replace(/^[_-]+/, "");
	let keyword = plain, n = plain ? 2 : 1;
	if (!plain) keyword = `label${n++}`;
	while (taken.includes(keyword)) keyword = `${plain || "label"}${n++}`;
	return keyword;
}
