/* Fuzzing of Emails. Input that begins with '{' is what a client says of one that is to be created, or a filter: what is made of it is a message in short
 * lines of ASCII that says the same again; any other is a message that is shown in full. */
#include "jmap/email_filter.h"
#include "jmap/email_make.h"

static void must(bool held)
{
	if (!held)
		abort();
}

static bool find_blob(void *context, struct slice id, struct slice *bytes)
{
	(void)context;
	*bytes = slice_equal(id, SLICE("message")) ? SLICE("Subject: inside\r\n\r\ntext\r\n") : slice_make("\x00\x01\xff\n", 4);
	return !slice_equal(id, SLICE("none"));
}

static bool add(void *context, struct slice bytes) { return buf_append(context, bytes); }

static const char everything[] =
	"{\"properties\":[\"headers\",\"bodyStructure\",\"textBody\",\"htmlBody\",\"attachments\",\"hasAttachment\",\"preview\",\"bodyValues\",\"subject\",\"from\",\"to\","
	"\"messageId\",\"sentAt\",\"header:X:asText:all\",\"header:To:asGroupedAddresses\",\"header:X:asURLs\"],\"bodyProperties\":[\"partId\",\"blobId\",\"size\",\"headers\",\"name\","
	"\"type\",\"charset\",\"disposition\",\"cid\",\"language\",\"location\",\"subParts\"],\"fetchAllBodyValues\":true,\"maxBodyValueBytes\":50}";

static void check_value(const json_t *value)
{
	struct slice text = jmap_slice_of(json_object_get(value, "value"));
	must(text.len <= 50 && slice_is_utf8(text));
}

/* Shows it with all that there is. */
static void show(struct slice message, struct arena *arena)
{
	struct jmap_email_wanted wanted;
	struct error error;
	uint64_t values = 0;
	const char *id;
	json_t *value, *arguments = json_loads(everything, 0, NULL), *email = json_object();
	must(jmap_email_wanted_read(arguments, true, arena, &wanted, &error));
	struct mime_part *root = mime_parse(message, arena);
	root->envelope->preview = message_preview(message, root, arena);
	struct jmap_email_source source = {root, slice_sub(message, 0, (size_t)root->header_size), message, SLICE("b"), arena, &values};
	jmap_email_content(email, &wanted, &source);
	json_object_foreach(json_object_get(email, "bodyValues"), id, value)
		check_value(value);
	json_decref(email);
	json_decref(arguments);
}

static void check_lines(struct slice message)
{
	struct slice line;
	while (message.len > 0) {
		slice_cut(message, '\n', &line, &message);
		must(line.len <= MESSAGE_LINE_MAX + 1);
	}
}

static void make(const json_t *object, struct arena *arena)
{
	struct jmap_making making = {.arena = arena, .find_blob = find_blob, .domain = SLICE("example.test")};
	struct buf out = BUF(64 * 1024 * 1024);
	json_t *refused = jmap_email_check(&making, object);
	if (!refused) {
		must(jmap_email_write(&making, add, &out));
		check_lines(buf_slice(&out));
		show(buf_slice(&out), arena);
	}
	json_decref(refused);
	buf_free(&out);
}

static void filter(json_t *object, struct arena *arena)
{
	struct jmap_request request = {.arena = arena, .out = BUF(1 << 20), .referred = json_object(), .created = json_object()};
	struct jmap_call call = {.request = &request, .arena = arena, .id = SLICE("0")};
	const int64_t mailboxes[] = {1, 5};
	struct email email = {.id = 7, .thread = 3, .received = 1000, .size = 2000, .flags = FLAG_SEEN, .mailbox_count = 2, .mailboxes = mailboxes, .keywords = SLICE("a work")};
	bool only;
	if (jmap_email_filter_check(&call, object)) {
		struct jmap_filter *read = jmap_filter_read(&call, object);
		jmap_filter_mailbox(read, &only);
		enum jmap_passes maybe = jmap_filter_passes(read, &email, -1), with = jmap_filter_passes(read, &email, 1), without = jmap_filter_passes(read, &email, 0);
		must(maybe == PASSES_MAYBE || (maybe == with && maybe == without));
		must(with != PASSES_MAYBE && without != PASSES_MAYBE);
	} else {
		must(call.answered);
	}
	json_decref(request.referred);
	json_decref(request.created);
	buf_free(&request.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_make((const char *)data, size);
	struct arena *arena = arena_new();
	struct jmap_problem problem;
	json_t *object = slice_starts(input, SLICE("{")) ? jmap_json_read(input, &problem) : NULL;
	if (object) {
		make(object, arena);
		filter(object, arena);
		json_decref(object);
	} else {
		show(input, arena);
	}
	arena_free(&arena);
	return 0;
}
