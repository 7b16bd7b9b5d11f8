/* Reading and showing what lies in quarantine; see quarantine_letter.h. What is attached is named and never decoded; control characters, and
 * those that change the direction of writing, are shown as '?'. */
#include "cli/quarantine_letter.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "message/header.h"
#include "message/shown.h"

enum { MESSAGE_MAX = 64 * 1024 * 1024, HEADER_READ_MAX = 64 * 1024, HEADER_SHOWN = 16 * 1024, TEXT_SHOWN = 32 * 1024, NAMES_MAX = 100, SUBJECT_SHOWN = 300 };

static bool read_file(int fd, uint64_t preface, size_t max, struct arena *arena, struct slice *text, struct error *error)
{
	struct stat status;
	if (fstat(fd, &status) != 0 || status.st_size < (off_t)preface)
		return error_set(error, ERROR_INVALID, "its file can't be read");
	size_t size = (size_t)(status.st_size - (off_t)preface), got = 0;
	size = size < max ? size : max;
	char *at = arena_alloc(arena, size + 1);
	ssize_t more = 1;
	while (got < size && (more = pread(fd, at + got, size - got, (off_t)(preface + got))) > 0)
		got += (size_t)more;
	*text = slice_make(at, got);
	return more >= 0 || error_set(error, ERROR_INVALID, "its file can't be read");
}

static bool read_some(struct queue *queue, const struct queue_message *message, size_t max, struct arena *arena, struct slice *text, struct error *error)
{
	struct slice bytes;
	int fd;
	if (!queue_body(queue, message->id, arena, &bytes, &fd, error))
		return false;
	if (fd < 0) {
		*text = slice_skip(bytes, message->preface);
		return true;
	}
	bool done = read_file(fd, message->preface, max, arena, text, error);
	close(fd);
	return done;
}

bool cli_quarantine_read(struct queue *queue, const struct queue_message *message, struct arena *arena, struct slice *text, struct error *error)
{
	return read_some(queue, message, MESSAGE_MAX, arena, text, error);
}

bool cli_quarantine_read_beginning(struct queue *queue, const struct queue_message *message, struct arena *arena, struct slice *text, struct error *error)
{
	return read_some(queue, message, HEADER_READ_MAX, arena, text, error);
}

static struct slice field_of(struct slice header, const char *name, struct arena *arena)
{
	struct header_field field;
	return header_find(header, slice_of(name), &field) ? slice_sub(header_decode(field.body, arena), 0, SUBJECT_SHOWN) : SLICE("");
}

void cli_quarantine_look(struct slice text, const struct queue_message *message, enum score_language language, struct arena *arena, struct cli_quarantined *out)
{
	struct slice header = slice_sub(text, 0, header_length(text));
	*out = (struct cli_quarantined){.message = message, .author = field_of(header, "From", arena), .subject = field_of(header, "Subject", arena)};
	out->found_count = policy_record_read(message->findings, '\n', language, arena, &out->found);
	out->main = policy_record_main(out->found, out->found_count);
	out->points = message->points;
	for (size_t i = 0; !message->weighed && i < out->found_count; i++)
		out->points += out->found[i].points;
}

/* ---- for people ---- */

static void print_lines(struct slice text, size_t max, const char *indent)
{
	struct slice line, rest = slice_sub(text, 0, max);
	while (rest.len > 0) {
		slice_cut(rest, '\n', &line, &rest);
		if (line.len > 0 && line.at[line.len - 1] == '\r')
			line.len--;
		fputs(indent, stdout);
		cli_print_safe(line);
		putchar('\n');
	}
	if (text.len > max)
		printf("%s… %zu bytes more\n", indent, text.len - max);
}

static void print_found(const struct cli_quarantined *quarantined)
{
	for (size_t i = 0; i < quarantined->found_count; i++) {
		const struct score_found *found = &quarantined->found[i];
		printf("  %6.2f  %-24.*s %s", found->points / 100.0, SLICE_ARG(found->name), found->text);
		if (found->detail.len > 0) {
			fputs(" [", stdout);
			cli_print_safe(found->detail);
			putchar(']');
		}
		putchar('\n');
	}
}

static struct slice name_of(const struct mime_part *part)
{
	struct slice name = parameter_get(part->disposition_parameters, part->disposition_parameter_count, SLICE("filename"));
	return name.len > 0 ? name : parameter_get(part->parameters, part->parameter_count, SLICE("name"));
}

/* Parts that aren't shown as text, in their order. */
struct attached {
	const struct mime_part *parts[NAMES_MAX];
	size_t count;
};

static bool is_read(const struct shown *shown, const struct mime_part *part)
{
	for (size_t i = 0; i < shown->part_count; i++)
		if (shown->parts[i].part == part)
			return true;
	return false;
}

static void gather_attached(const struct shown *shown, const struct mime_part *part, struct attached *attached)
{
	bool container = slice_equal(part->type, SLICE("multipart"));
	for (size_t i = 0; container && i < part->child_count; i++)
		gather_attached(shown, &part->children[i], attached);
	if (!container && !is_read(shown, part) && attached->count < NAMES_MAX)
		attached->parts[attached->count++] = part;
}

static void print_attached(const struct attached *attached)
{
	for (size_t i = 0; i < attached->count; i++) {
		const struct mime_part *part = attached->parts[i];
		char size[32];
		fputs("  attached: ", stdout);
		cli_print_safe(name_of(part));
		fputs(" (", stdout);
		cli_print_safe(part->type);
		putchar('/');
		cli_print_safe(part->subtype);
		printf(", %s)\n", cli_size_text(part->body_size, size));
	}
}

void cli_quarantine_print(const struct cli_quarantined *quarantined, struct slice text, struct arena *arena)
{
	struct shown shown;
	struct attached attached = {.count = 0};
	const struct mime_part *root = mime_parse(text, arena);
	shown_read(text, root, arena, &shown);
	gather_attached(&shown, root, &attached);
	print_found(quarantined);
	putchar('\n');
	print_lines(slice_sub(text, 0, header_length(text)), HEADER_SHOWN, "");
	for (size_t i = 0; i < shown.part_count; i++) {
		print_lines(shown.parts[i].text, TEXT_SHOWN, "  ");
		putchar('\n');
	}
	print_attached(&attached);
}

/* ---- for programs ---- */

static json_t *json_of_found(const struct cli_quarantined *quarantined)
{
	json_t *list = json_array();
	for (size_t i = 0; i < quarantined->found_count; i++) {
		const struct score_found *found = &quarantined->found[i];
		json_array_append_new(list, json_pack("{s:o, s:f, s:o, s:s}", "rule", cli_json_of_slice(found->name), "points", found->points / 100.0, "detail",
						      cli_json_of_slice(found->detail), "text", found->text));
	}
	return list;
}

json_t *cli_quarantine_json(const struct cli_quarantined *quarantined)
{
	const struct queue_message *message = quarantined->message;
	char id[ID_TEXT_LEN + 1];
	id_format(message->id, id);
	json_t *recipients = json_array();
	for (size_t i = 0; i < message->recipient_count; i++)
		json_array_append_new(recipients, cli_json_of_slice(message->recipients[i].address));
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:f, s:o, s:o}", "id", id, "sender", cli_json_of_slice(message->from), "from", cli_json_of_slice(quarantined->author), "subject",
			 cli_json_of_slice(quarantined->subject), "recipients", recipients, "arrived", (json_int_t)message->arrived, "size", (json_int_t)message->size, "client",
			 cli_json_of_slice(message->client), "points", quarantined->points / 100.0, "reason",
			 quarantined->main ? cli_json_of_slice(quarantined->main->name) : json_string(""), "rules", json_of_found(quarantined));
}

json_t *cli_quarantine_json_whole(const struct cli_quarantined *quarantined, struct slice text, struct arena *arena)
{
	struct shown shown;
	struct attached attached = {.count = 0};
	const struct mime_part *root = mime_parse(text, arena);
	json_t *object = cli_quarantine_json(quarantined), *texts = json_array(), *names = json_array();
	shown_read(text, root, arena, &shown);
	gather_attached(&shown, root, &attached);
	for (size_t i = 0; i < shown.part_count; i++)
		json_array_append_new(texts, cli_json_of_slice(slice_sub(shown.parts[i].text, 0, TEXT_SHOWN)));
	for (size_t i = 0; i < attached.count; i++)
		json_array_append_new(names, json_pack("{s:o, s:o, s:o, s:I}", "name", cli_json_of_slice(name_of(attached.parts[i])), "type", cli_json_of_slice(attached.parts[i]->type), "subtype",
						       cli_json_of_slice(attached.parts[i]->subtype), "size", (json_int_t)attached.parts[i]->body_size));
	json_object_set_new(object, "header", cli_json_of_slice(slice_sub(text, 0, header_length(text))));
	json_object_set_new(object, "text", texts);
	json_object_set_new(object, "attached", names);
	return object;
}
