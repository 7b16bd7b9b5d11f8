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

static enum policy_action action_of(const char *name)
{
	static const enum policy_action actions[] = {POLICY_TAG, POLICY_QUARANTINE, POLICY_REJECT};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
		if (slice_equal(slice_of(name), slice_of(policy_action_name(actions[i]))))
			return actions[i];
	return POLICY_ACCEPT;
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

struct judging {
	const struct attach_report *report;
	const struct config *config;
	struct policy_findings *findings;
	struct arena *arena;
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

static void demand(const struct judging *judging, size_t file, enum policy_action action, const char *rule, const char *why)
{
	if (action == POLICY_ACCEPT)
		return;
	policy_findings_add(judging->findings, slice_of(rule), 0, attach_path(judging->report, file, POLICY_ATTACHMENT_NAME_MAX, judging->arena));
	policy_findings_demand(judging->findings, action, arena_printf(judging->arena, "the attachment %.*s %s", SLICE_ARG(told_path(judging, file)), why));
}

static bool is_refused_kind(const struct attach_file *file, const struct config *config) { return is_of_kinds(file, &config->attachment_reject); }
static bool is_doubtful_kind(const struct attach_file *file, const struct config *config) { return is_of_kinds(file, &config->attachment_quarantine); }
static bool is_too_large(const struct attach_file *file, const struct config *config)
{
	return config->attachment_max > 0 && file->size > (uint64_t)config->attachment_max;
}

/* Demands it for the first file that is so, if there is one. */
static void demand_for_first(const struct judging *judging, bool is_so(const struct attach_file *, const struct config *), enum policy_action action,
			     const char *rule, const char *why)
{
	for (size_t i = 0; i < judging->report->count; i++)
		if (is_so(&judging->report->files[i], judging->config)) {
			demand(judging, i, action, rule, why);
			return;
		}
}

static enum policy_action demanded_by(const struct config *config, enum attach_finding finding)
{
	return finding == ATTACH_ENCRYPTED     ? action_of(config->attachment_encrypted)
	       : finding == ATTACH_MACROS      ? action_of(config->attachment_macros)
	       : finding == ATTACH_BOMB        ? action_of(config->attachment_bomb)
	       : finding == ATTACH_UNSCANNABLE ? action_of(config->attachment_unscannable)
					       : POLICY_ACCEPT;
}

static const char *why_not(enum attach_finding finding)
{
	return finding == ATTACH_ENCRYPTED ? "is encrypted, which isn't taken here"
	       : finding == ATTACH_MACROS  ? "has macros, which aren't taken here"
	       : finding == ATTACH_BOMB    ? "unpacks to far more than it is, which isn't taken here"
					   : "can't be looked into, which isn't taken here";
}

/* A finding is told once, of the first file that it was made of. */
static void judge_finding(const struct judging *judging, enum attach_finding finding)
{
	const struct attach_report *report = judging->report;
	size_t file = 0;
	while (file < report->count && !(report->files[file].findings >> finding & 1))
		file++;
	if (file == report->count)
		return;
	struct slice path = attach_path(report, file, POLICY_ATTACHMENT_NAME_MAX, judging->arena);
	if (report->files[file].reason && (finding == ATTACH_BOMB || finding == ATTACH_UNSCANNABLE))
		path = arena_printf(judging->arena, "%.*s: %s", SLICE_ARG(path), report->files[file].reason);
	policy_findings_add(judging->findings, slice_of(attach_finding_name(finding)), attach_finding_points(finding), path);
	policy_findings_demand(judging->findings, demanded_by(judging->config, finding),
			       arena_printf(judging->arena, "the attachment %.*s %s", SLICE_ARG(told_path(judging, file)), why_not(finding)));
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

void policy_attachments_judge(const struct attach_report *report, const struct config *config, struct policy_findings *findings)
{
	struct judging judging = {report, config, findings, arena_new()};
	size_t first = findings->count;
	for (enum attach_finding finding = 0; finding < ATTACH_FINDINGS; finding++)
		judge_finding(&judging, finding);
	demand_for_first(&judging, is_refused_kind, POLICY_REJECT, "ATTACH_REFUSED_KIND", "is of a kind that isn't taken here");
	demand_for_first(&judging, is_too_large, POLICY_REJECT, "ATTACH_TOO_LARGE", "is larger than what is taken here");
	demand_for_first(&judging, is_doubtful_kind, POLICY_QUARANTINE, "ATTACH_DOUBTFUL_KIND", "is of a kind that is set apart here");
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
	policy_findings_demand(findings, demanded_by(config, ATTACH_UNSCANNABLE), SLICE("what is attached can't be looked into, which isn't taken here"));
}

void policy_attachments_check(struct slice message, const struct config *config, int64_t deadline, struct policy_findings *findings)
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
	policy_attachments_judge(&report, config, findings);
	arena_free(&arena);
	if (room > 0)
		give_room(room);
}
