/* From a message's parts to files and what is found out about them. */
#include <time.h>

#include "attach/internal.h"
#include "base/array.h"
#include "base/clock.h"

enum {
	ASKED_MAX = 200,      /* files that libmagic is asked about */
	TEXT_HEAD = 1024,     /* bytes of a text's beginning that show whether it is one */
	ENCODED_HEAD = 4096,  /* their bytes in the message, near enough */
};

static const struct {
	const char *name, *english, *russian, *portuguese;
	int points;
} findings[ATTACH_FINDINGS] = {
#define FINDING(NAME, points, english, russian, portuguese) {"ATTACH_" #NAME, english, russian, portuguese, points},
#include "attach/findings.def"
#undef FINDING
};

const char *attach_finding_name(enum attach_finding finding) { return findings[finding].name; }
int attach_finding_points(enum attach_finding finding) { return findings[finding].points; }

const char *attach_finding_text(enum attach_finding finding, struct slice language)
{
	return slice_starts_nocase(language, SLICE("ru"))   ? findings[finding].russian
	       : slice_starts_nocase(language, SLICE("pt")) ? findings[finding].portuguese
							    : findings[finding].english;
}

/* ---- Notes ---- */

void attach_note(struct attach_walk *walk, size_t file, enum attach_finding finding)
{
	walk->report->files[file].findings |= 1U << finding;
	walk->report->findings |= 1U << finding;
}

void attach_note_reason(struct attach_walk *walk, size_t file, enum attach_finding finding, const char *reason)
{
	struct attach_file *noted = &walk->report->files[file];
	noted->reason = noted->reason ? noted->reason : reason;
	attach_note(walk, file, finding);
}

static void note_all(struct attach_walk *walk, size_t file, uint32_t bits)
{
	walk->report->files[file].findings |= bits;
	walk->report->findings |= bits;
}

size_t attach_add(struct attach_walk *walk, struct slice raw_name, size_t parent, const struct mime_part *part)
{
	struct attach_report *report = walk->report;
	struct attach_name name;
	if (report->count >= walk->limits->files) {
		walk->stopped = true;
		if (report->count > 0)
			attach_note_reason(walk, parent != ATTACH_NONE ? parent : report->count - 1, ATTACH_UNSCANNABLE, "too many files");
		return ATTACH_NONE;
	}
	ARENA_GROW(walk->arena, report->files, report->count, walk->room);
	attach_read_name(raw_name, walk->arena, &name);
	size_t depth = parent == ATTACH_NONE ? 0 : report->files[parent].depth + 1;
	report->files[report->count] = (struct attach_file){.name = name.name, .extension = name.extension, .type = SLICE("application/octet-stream"), .parent = parent, .depth = (unsigned)depth, .part = part};
	note_all(walk, report->count, name.findings);
	for (size_t outer = parent; (name.findings & 1U << ATTACH_PROGRAM_NAME) && outer != ATTACH_NONE; outer = report->files[outer].parent)
		attach_note(walk, outer, ATTACH_PROGRAM_INSIDE);
	return report->count++;
}

static int64_t cpu_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool attach_may_go_on(struct attach_walk *walk, size_t file)
{
	if (walk->stopped)
		return false;
	if (cpu_now() <= walk->cpu_until && (walk->limits->deadline == 0 || clock_monotonic_ms() < walk->limits->deadline))
		return true;
	walk->stopped = true;
	attach_note_reason(walk, file, ATTACH_UNSCANNABLE, "it takes too long");
	return false;
}

/* ---- One file ---- */

static void walk_message(struct attach_walk *walk, struct slice message, const struct mime_part *root, size_t parent);

/* Its type, from the table here if that is what counts, else as libmagic says. */
static enum attach_kind find_type(struct attach_walk *walk, size_t file, struct slice head)
{
	const char *type;
	enum attach_kind kind = attach_sniff(head, &type);
	bool ask = kind != ATTACH_KIND_PROGRAM && head.len > 0 && walk->asked < ASKED_MAX;
	walk->asked += ask;
	const char *said = ask ? attach_ask_magic(head, walk->arena) : NULL;
	bool vague = !said || slice_equal(slice_of(said), SLICE("application/octet-stream"));
	walk->report->files[file].type = !vague ? slice_of(said) : type ? slice_of(type) : SLICE("application/octet-stream");
	return kind;
}

/* A message that is attached as a file. */
static void open_message(struct attach_walk *walk, size_t file, struct slice content)
{
	if (walk->report->files[file].depth >= walk->limits->depth)
		attach_note_reason(walk, file, ATTACH_BOMB, "packed too deep");
	else
		walk_message(walk, content, mime_parse(content, walk->arena), file);
}

static void open_file(struct attach_walk *walk, size_t file, enum attach_kind kind, struct slice content)
{
	const struct attach_file *looked = &walk->report->files[file];
	bool named = attach_is_archive(looked->extension) || attach_is_archive(looked->other);
	if (kind == ATTACH_KIND_OLE)
		note_all(walk, file, attach_examine_ole(content));
	else if (kind == ATTACH_KIND_PDF && attach_is_encrypted_pdf(content))
		attach_note(walk, file, ATTACH_ENCRYPTED);
	else if (kind == ATTACH_KIND_TNEF)
		attach_unpack_tnef(walk, file, content);
	else if (kind == ATTACH_KIND_ARCHIVE || kind == ATTACH_KIND_PACKED || (kind == ATTACH_KIND_OTHER && named && content.len > 0))
		attach_unpack(walk, file, content, kind);
	else if (kind == ATTACH_KIND_OTHER && (slice_equal(looked->extension, SLICE("eml")) || slice_equal(looked->type, SLICE("message/rfc822"))))
		open_message(walk, file, content);
}

void attach_look(struct attach_walk *walk, size_t file, struct slice content, bool whole)
{
	enum attach_kind kind = find_type(walk, file, slice_sub(content, 0, ATTACH_HEAD));
	const struct attach_file *looked = &walk->report->files[file];
	bool program = kind == ATTACH_KIND_PROGRAM;
	if (program)
		attach_note(walk, file, ATTACH_PROGRAM);
	for (size_t outer = looked->parent; program && outer != ATTACH_NONE; outer = walk->report->files[outer].parent)
		attach_note(walk, outer, ATTACH_PROGRAM_INSIDE);
	if ((program || kind == ATTACH_KIND_ARCHIVE || kind == ATTACH_KIND_PACKED) && attach_is_document(looked->extension))
		attach_note(walk, file, ATTACH_DISGUISED);
	if (whole)
		open_file(walk, file, kind, content);
	else if (kind != ATTACH_KIND_OTHER && kind != ATTACH_KIND_PROGRAM)
		attach_note_reason(walk, file, ATTACH_UNSCANNABLE, "too large to look into");
}

/* ---- Parts ---- */

static struct slice file_name(const struct mime_part *part, struct slice *second)
{
	struct slice name = parameter_get(part->parameters, part->parameter_count, SLICE("name"));
	struct slice file = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	*second = file.len > 0 ? name : slice_make(NULL, 0);
	return file.len > 0 ? file : name;
}

/* A text that is to be shown, and is one. */
static bool is_shown_text(struct slice message, const struct mime_part *part)
{
	struct slice second;
	if (!slice_equal(part->type, SLICE("text")) || slice_equal(part->disposition, SLICE("attachment")) || file_name(part, &second).len > 0)
		return false;
	struct buf head = BUF(TEXT_HEAD);
	const char *type;
	mime_decode(part->encoding, slice_sub(slice_sub(message, (size_t)part->body_at, (size_t)part->body_size), 0, ENCODED_HEAD), &head);
	bool text = attach_sniff(buf_slice(&head), &type) == ATTACH_KIND_OTHER;
	buf_free(&head);
	return text;
}

static void take_second_name(struct attach_walk *walk, size_t file, struct slice second)
{
	struct attach_name name;
	struct attach_file *named = &walk->report->files[file];
	attach_read_name(second, walk->arena, &name);
	if (name.extension.len == 0 || slice_equal(name.extension, named->extension))
		return;
	named->other = name.extension;
	note_all(walk, file, name.findings | 1U << ATTACH_NAME_DIFFERS);
}

static void examine_part(struct attach_walk *walk, struct slice message, const struct mime_part *part, size_t parent, unsigned depth)
{
	struct slice second, first = file_name(part, &second), body = slice_sub(message, (size_t)part->body_at, (size_t)part->body_size);
	size_t file = attach_add(walk, first, parent, parent != ATTACH_NONE ? walk->report->files[parent].part : part);
	if (file == ATTACH_NONE)
		return;
	if (second.len > 0)
		take_second_name(walk, file, second);
	if (depth + 1 >= MIME_DEPTH_MAX) /* where mime_parse() keeps parts whole */
		attach_note_reason(walk, file, ATTACH_UNSCANNABLE, "parts inside one another too deep");
	walk->report->files[file].declared = arena_printf(walk->arena, "%.*s/%.*s", SLICE_ARG(part->type), SLICE_ARG(part->subtype));
	struct buf content = BUF(body.len + 1);
	mime_decode(part->encoding, body, &content);
	walk->report->files[file].size = content.len;
	walk->packed += parent == ATTACH_NONE ? content.len : 0;
	attach_look(walk, file, buf_slice(&content), true);
	buf_free(&content);
}

static void walk_part(struct attach_walk *walk, struct slice message, const struct mime_part *part, size_t parent, unsigned depth, size_t *parts)
{
	++*parts;
	if (part->child_count == 0 && !is_shown_text(message, part))
		examine_part(walk, message, part, parent, depth);
	for (size_t i = 0; i < part->child_count && !(walk->stopped && walk->report->count >= walk->limits->files); i++)
		walk_part(walk, message, &part->children[i], parent, depth + 1, parts);
}

static void walk_message(struct attach_walk *walk, struct slice message, const struct mime_part *root, size_t parent)
{
	size_t parts = 0, before = walk->report->count;
	walk_part(walk, message, root, parent, 0, &parts);
	size_t file = parent != ATTACH_NONE ? parent : walk->report->count - 1;
	if (parts >= MIME_PARTS_MAX && walk->report->count > before)
		attach_note_reason(walk, file, ATTACH_UNSCANNABLE, "too many parts");
}

void attach_examine(struct slice message, const struct mime_part *root, const struct attach_limits *limits, struct arena *arena, struct attach_report *report)
{
	struct attach_walk walk = {.limits = limits, .arena = arena, .report = report, .cpu_until = cpu_now() + limits->milliseconds};
	*report = (struct attach_report){0};
	walk_message(&walk, message, root, ATTACH_NONE);
}

/* ---- Telling ---- */

struct slice attach_path(const struct attach_report *report, size_t file, size_t max, struct arena *arena)
{
	struct slice path = slice_make("", 0);
	for (; file != ATTACH_NONE && path.len <= max; file = report->files[file].parent) {
		struct slice name = report->files[file].name.len > 0 ? report->files[file].name : report->files[file].type;
		path = arena_printf(arena, "%.*s%s%.*s", SLICE_ARG(name), path.len > 0 ? "/" : "", SLICE_ARG(path));
	}
	if (path.len <= max)
		return path;
	struct slice mark = SLICE("…"), end = slice_skip(path, path.len - (max > mark.len ? max - mark.len : 0));
	while (end.len > 0 && ((unsigned char)end.at[0] & 0xc0) == 0x80)
		end = slice_skip(end, 1);
	return arena_printf(arena, "%.*s%.*s", SLICE_ARG(mark), SLICE_ARG(end));
}
