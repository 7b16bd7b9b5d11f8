// Texts that are attached, as words: in the charset that the part says, or else as it must be read.

/** Characters of a text that is shown; bytes of it that are read. */
export const TEXT_MAX = 500_000, BYTES_MAX = 2_000_000;

function decode(bytes: ArrayBuffer, charset: string, fatal: boolean): string | null {
	try {
		return new TextDecoder(charset, { fatal }).decode(bytes);
	} catch {
		return null; // no such charset, or it isn't in it
	}
}

/** `language`: of the reader, which tells what a text most probably is that says nothing of itself and isn't UTF-8. */
export function readText(bytes: ArrayBuffer, charset: string | null, language: string): string {
	const said = charset && !/^us-ascii$/i.test(charset) ? decode(bytes, charset, false) : null;
	return (said ?? decode(bytes, "utf-8", true) ?? decode(bytes, language === "ru" ? "windows-1251" : "windows-1252", false) ?? "").slice(0, TEXT_MAX);
}
