// Times that a message is put off to.

export interface SnoozeTime {
	key: "later" | "tomorrow" | "weekend" | "week";
	at: Date;
}

function atHour(day: Date, days: number, hour: number): Date {
	return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, hour);
}

/** Those that make sense now: this evening not in the evening, the weekend not when it is near. */
export function snoozeTimes(now: Date): SnoozeTime[] {
	const weekday = now.getDay(); // 0: Sunday
	const times: SnoozeTime[] = [];
	if (now.getHours() < 17) times.push({ key: "later", at: atHour(now, 0, 18) });
	times.push({ key: "tomorrow", at: atHour(now, 1, 8) });
	if (weekday >= 1 && weekday <= 4) times.push({ key: "weekend", at: atHour(now, 6 - weekday, 9) });
	times.push({ key: "week", at: atHour(now, (8 - weekday) % 7 || 7, 8) });
	return times;
}
