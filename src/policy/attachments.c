/* From what was found out about attachments to what becomes of the message.
 *
 * Looking takes memory: what is decoded, and what is unpacked in it. So large messages wait until those that are being looked at leave room, up to
 * their deadline; what couldn't be looked at in time is unscannable. */
#include "policy/attachments.h"

#include <pthread.h>

#include "base/clock.h"

enum {
	LARGE = 1024 * 1024,              /* bytes from which on a message waits for room */
	ROOM = 256 * 1024 * 1024,         /* of all that are looked at */
};

/* ---- What the options say ---- */

/* `strip`: the file is to be taken out. */
struct choice {
	enum policy_action action;
	bool strip;
};

static struct choice choice_of(const char *name)
{
	static const enum policy_action actions[] = {POLICY_TAG, POLICY_QUARANTINE, POLICY_REJECT};
	if (slice_equal(slice_of(name), SLICE("strip")))
		return (struct choice){POLICY_TAG, true};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (slice_equal(slice_of(name), slice_of(policy_action_name(actions[i]))))
			return (struct choice){actions[i], false};
	return (struct choice){POLICY_ACCEPT, false};
}

static bool is_type(struct slice type, struct slice kind)
{
	if (slice_ends_nocase(kind, SLICE("/*")))
		return slice_starts_nocase(type, slice_sub(kind, 0, kind.len - 1));
	return slice_equal_nocase(type, kind);
}

static bool is_kind(const struct attach_file *file, struct slice kind)
{
	if (slice_equal(kind, SLICE("programs")))
		return file->findings & (1U << ATTACH_PROGRAM | 1U << ATTACH_PROGRAM_NAME);
	if (slice_find_char(kind, '/') != SLICE_NONE)
		return is_type(file->type, kind) || is_type(file->declared, kind);
	return kind.len > 0 && (slice_equal_nocase(file->extension, kind) || slice_equal_nocase(file->other, kind));
}

static bool is_of_kinds(const struct attach_file *file, const struct config_string_list *kinds)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (is_kind(file, slice_of(kinds->at[i])))
			return true;
	return false;
}

/* ---- What is demanded ---- */

enum { STRIPPED = 1 };
struct judging {
	struct slice message;
	const struct attach_report *report;
	const struct config *config;
	struct policy_findings *findings;
	struct arena *arena;
	unsigned *stripped; /* of each file: 0, or STRIPPED and the finding for which it is taken out; ATTACH_FINDINGS: its kind */
};

/* As a reply or a field can hold it: characters that aren't ASCII become '?'. */
static struct slice ascii_of(const struct judging *judging, struct slice text)
{
	char *out = arena_alloc(judging->arena, text.len + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.at[i] & 0xc0) != 0x80)
			out[len++] = text.at[i] >= ' ' && text.at[i] < 0x7f ? text.at[i] : '?';
	return slice_make(out, len);
}

static struct slice told_path(const struct judging *judging, size_t file)
{
	return ascii_of(judging, attach_path(judging->report, file, POLICY_ATTACHMENT_NAME_MAX, judging->arena));
}

static void demand(const struct judging *judging, size_t file, enum policy_action action, const char *why)
{
	policy_findings_demand(judging->findings, action, arena_printf(judging->arena, "the attachment %.*s %s", SLICE_ARG(told_path(judging, file)), why));
}

static bool is_refused_kind(const struct attach_file *file, const struct config *config) { return is_of_kinds(file, &config->attachment_reject); }
static bool is_doubtful_kind(const struct attach_file *file, const struct config *config) { return is_of_kinds(file, &config->attachment_quarantine); }
static bool is_stripped_kind(const struct attach_file *file, const struct config *config) { return is_of_kinds(file, &config->attachment_strip); }
static bool is_too_large(const struct attach_file *file, const struct config *config)
{
	return config->attachment_max > 0 && file->size > (uint64_t)config->attachment_max;
}

static const struct demand_of_kind {
	bool (*is_so)(const struct attach_file *, const struct config *);
	struct choice choice;
	const char *rule, *why;
} demands_of_kinds[] = {
	{is_refused_kind, {POLICY_REJECT, false}, "ATTACH_REFUSED_KIND", "is of a kind that isn't taken here"},
	{is_too_large, {POLICY_REJECT, false}, "ATTACH_TOO_LARGE", "is larger than what is taken here"},
	{is_doubtful_kind, {POLICY_QUARANTINE, false}, "ATTACH_DOUBTFUL_KIND", "is of a kind that is set apart here"},
	{is_stripped_kind, {POLICY_TAG, true}, "ATTACH_STRIPPED_KIND", ""},
};

/* What belongs to an option is told, and demanded, once, of the first file that is so; each is taken out. */
static void judge_kind(const struct judging *judging, const struct demand_of_kind *kind)
{
	bool told = false;
	for (size_t i = 0; i < judging->report->count; i++) {
		if (!kind->is_so(&judging->report->files[i], judging->config))
			continue;
		if (!told) {
			policy_findings_add(judging->findings, slice_of(kind->rule), 0, attach_path(judging->report, i, POLICY_ATTACHMENT_NAME_MAX, judging->arena));
			demand(judging, i, kind->choice.action, kind->why);
		}
		told = true;
		if (kind->choice.strip)
			judging->stripped[i] = STRIPPED + ATTACH_FINDINGS;
	}
}

static struct choice demanded_by(const struct config *config, enum attach_finding finding)
{
	return choice_of(finding == ATTACH_ENCRYPTED	 ? config->attachment_encrypted
			 : finding == ATTACH_MACROS	 ? config->attachment_macros
			 : finding == ATTACH_BOMB	 ? config->attachment_bomb
			 : finding == ATTACH_UNSCANNABLE ? config->attachment_unscannable
							 : "accept");
}

static const char *why_not(enum attach_finding finding)
{
	return finding == ATTACH_ENCRYPTED ? "is encrypted, which isn't taken here"
	       : finding == ATTACH_MACROS  ? "has macros, which aren't taken here"
	       : finding == ATTACH_BOMB    ? "unpacks to far more than it is, which isn't taken here"
					   : "can't be looked into, which isn't taken here";
}

static void tell_finding(const struct judging *judging, size_t file, enum attach_finding finding)
{
	const char *reason = finding == ATTACH_BOMB || finding == ATTACH_UNSCANNABLE ? judging->report->files[file].reason : NULL;
	struct slice path = attach_path(judging->report, file, POLICY_ATTACHMENT_NAME_MAX, judging->arena);
	if (reason)
		path = arena_printf(judging->arena, "%.*s: %s", SLICE_ARG(path), reason);
	policy_findings_add(judging->findings, slice_of(attach_finding_name(finding)), attach_finding_points(finding), path);
	demand(judging, file, demanded_by(judging->config, finding).action, why_not(finding));
}

/* The same of a finding. */
static void judge_finding(const struct judging *judging, enum attach_finding finding)
{
	bool told = false, strip = demanded_by(judging->config, finding).strip;
	for (size_t i = 0; i < judging->report->count; i++) {
		if (!(judging->report->files[i].findings >> finding & 1))
			continue;
		if (!told)
			tell_finding(judging, i, finding);
		told = true;
		if (strip)
			judging->stripped[i] = STRIPPED + finding;
	}
}

/* ---- Taking out ---- */

/* Puts a note in the place of the part that the file is, or is in. False: the message is nothing else, or too much is to be taken out of it. */
static bool take_out(const struct judging *judging, size_t file)
{
	struct policy_findings *findings = judging->findings;
	const struct attach_file *taken = &judging->report->files[file];
	uint64_t at = taken->part->header_at, end = taken->part->body_at + taken->part->body_size;
	const struct policy_cut *last = findings->cut_count > 0 ? &findings->cuts[findings->cut_count - 1] : NULL;
	if (last && last->at == at)
		return true; /* another file in it was the reason already */
	if (at == 0 || findings->cut_count == POLICY_CUTS_MAX || end > judging->message.len || (last && last->at + last->len > at))
		return false;
	size_t outer = file;
	while (judging->report->files[outer].parent != ATTACH_NONE)
		outer = judging->report->files[outer].parent;
	struct slice note = policy_attachment_note(judging->report->files[outer].name, (enum attach_finding)(judging->stripped[file] - STRIPPED), findings->arena);
	struct slice rest = slice_skip(judging->message, (size_t)end);
	if (rest.len > 0 && rest.at[0] != '\r' && rest.at[0] != '\n') /* the delimiter's line follows at once */
		note = arena_printf(findings->arena, "%.*s\r\n", SLICE_ARG(note));
	findings->cuts[findings->cut_count++] = (struct policy_cut){at, end - at, note};
	return true;
}

/* What can't be taken out is set apart with the whole message. */
static void take_out_all(const struct judging *judging)
{
	for (size_t i = 0; i < judging->report->count; i++)
		if (judging->stripped[i] && !take_out(judging, i))
			policy_findings_demand(judging->findings, POLICY_QUARANTINE, SLICE(""));
}

/* A field that says which files have which findings, for filters of those who get the message; where something is to be said at all. */
static void write_field(const struct judging *judging, size_t first)
{
	struct policy_findings *findings = judging->findings;
	struct buf out = BUF(POLICY_FIELD_MAX / 2);
	buf_append_text(&out, "X-Attachment-Findings:");
	for (size_t i = first; i < findings->count; i++)
		buf_printf(&out, "%s%.*s (%.*s)", i == first ? " " : ",\r\n\t", SLICE_ARG(findings->list[i].rule), SLICE_ARG(ascii_of(judging, findings->list[i].detail)));
	buf_append_text(&out, "\r\n");
	if (!out.overflow)
		policy_findings_field(findings, buf_slice(&out));
	buf_free(&out);
}

void policy_attachments_judge(struct slice message, const struct attach_report *report, const struct config *config, struct policy_findings *findings)
{
	struct judging judging = {message, report, config, findings, arena_new(), NULL};
	size_t first = findings->count;
	judging.stripped = arena_array(judging.arena, report->count + 1, sizeof *judging.stripped);
	for (enum attach_finding finding = 0; finding < ATTACH_FINDINGS; finding++)
		judge_finding(&judging, finding);
	for (size_t i = 0; i < sizeof demands_of_kinds / sizeof *demands_of_kinds; i++)
		judge_kind(&judging, &demands_of_kinds[i]);
	take_out_all(&judging);
	if (findings->count > first)
		write_field(&judging, first);
	arena_free(&judging.arena);
}

/* ---- Room ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_cond_t given_back;
static size_t taken;

static void init_room(void) { clock_init_condition(&given_back); }

/* What is decoded, as much again while it grows, and what is unpacked in it. */
static size_t wanted_room(struct slice message)
{
	size_t wanted = message.len < LARGE ? 0 : 2 * message.len + ATTACH_HELD_MAX;
	return wanted < ROOM ? wanted : ROOM;
}

static bool take_room(size_t wanted, int64_t deadline)
{
	bool in_time = true;
	pthread_once(&once, init_room);
	pthread_mutex_lock(&lock);
	while (taken + wanted > ROOM && in_time)
		in_time = clock_wait(&given_back, &lock, deadline);
	bool room = taken + wanted <= ROOM;
	taken += room ? wanted : 0;
	pthread_mutex_unlock(&lock);
	return room;
}

static void give_room(size_t wanted)
{
	pthread_mutex_lock(&lock);
	taken -= wanted;
	pthread_cond_broadcast(&given_back);
	pthread_mutex_unlock(&lock);
}

/* ---- The whole ---- */

static void note_unseen(const struct config *config, struct policy_findings *findings)
{
	policy_findings_add(findings, slice_of(attach_finding_name(ATTACH_UNSCANNABLE)), attach_finding_points(ATTACH_UNSCANNABLE), SLICE("it was too late to look"));
	policy_findings_demand(findings, demanded_by(config, ATTACH_UNSCANNABLE).action, SLICE("what is attached can't be looked into, which isn't taken here"));
}

void policy_attachments_check(struct slice recipients, struct slice message, const struct config *config, int64_t deadline, struct policy_findings *findings)
{
	size_t room = wanted_room(message);
	if (!config->attachment_checks)
		return;
	if (room > 0 && !take_room(room, deadline)) {
		note_unseen(config, findings);
		return;
	}
	struct arena *arena = arena_new();
	struct attach_limits limits = ATTACH_LIMITS;
	struct attach_report report;
	limits.deadline = deadline;
	attach_examine(message, mime_parse(message, arena), &limits, arena, &report);
	policy_attachments_judge_for(recipients, message, &report, config, findings);
	arena_free(&arena);
	if (room > 0)
		give_room(room);
}
