// How long something took, in the unit that says it best: "3 min".

export function lasted(seconds: number, language: string): string {
	const [value, unit] = seconds < 60 ? [seconds, "second"] : seconds < 3600 ? [Math.round(seconds / 60), "minute"] : seconds < 86_400 ? [Math.round(seconds / 3600), "hour"] : [Math.round(seconds / 86_400), "day"];
	return new Intl.NumberFormat(language, { style: "unit", unit: unit as string, unitDisplay: "short" }).format(value as number);
}
