// Sizes as a person types them: gigabytes of 1,000,000,000 bytes, as they are shown.
const UNIT = 1_000_000_000;

/** "1.5" of 1500000000; empty for 0, which is no limit. */
export function gigabytes(bytes: number): string {
	return bytes === 0 ? "" : String(Math.round((bytes / UNIT) * 1000) / 1000);
}

/** Bytes of "1.5" or "1,5"; 0 of nothing; null: that is no size. */
export function bytesOf(text: string): number | null {
	const plain = text.trim().replace(",", ".");
	if (plain === "") return 0;
	const value = Number(plain);
	return /^\d+(\.\d+)?$/.test(plain) && value * UNIT < Number.MAX_SAFE_INTEGER ? Math.round(value * UNIT) : null;
}
