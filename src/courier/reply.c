/* Reading SMTP replies; see reply.h. */
#include "courier/reply.h"

void courier_reply_begin(struct courier_reply *reply)
{
	*reply = (struct courier_reply){0};
}

/* Three digits, the first 2 to 5, then a space, a hyphen or the end (RFC 5321 §4.2). Some servers leave the space out. */
static bool read_code(struct slice line, int *code, bool *last)
{
	if (line.len < 3 || line.at[0] < '2' || line.at[0] > '5' || !ascii_is_digit(line.at[1]) || !ascii_is_digit(line.at[2]))
		return false;
	if (line.len > 3 && ascii_is_digit(line.at[3]))
		return false;
	*code = (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0');
	*last = line.len == 3 || line.at[3] != '-';
	return true;
}

/* What follows the code and its separator. */
static struct slice content_of(struct slice line)
{
	bool separated = line.len > 3 && (line.at[3] == ' ' || line.at[3] == '-' || line.at[3] == '\t');
	return slice_skip(line, separated ? 4 : 3);
}

static size_t digits(struct slice s)
{
	size_t count = 0;
	while (count < s.len && ascii_is_digit(s.at[count]))
		count++;
	return count;
}

/* "5.1.1 " at the start of the text: class as the code's, subject and detail of one to three digits (RFC 2034 §4). */
static void read_status(struct courier_reply *reply, struct slice content)
{
	if (content.len < 5 || content.at[0] != '0' + reply->code / 100 || content.at[1] != '.' || content.at[0] == '3')
		return;
	size_t subject = digits(slice_skip(content, 2));
	size_t detail = digits(slice_skip(content, 3 + subject));
	size_t len = 3 + subject + detail;
	if (subject < 1 || subject > 3 || detail < 1 || detail > 3 || len > content.len || content.at[2 + subject] != '.')
		return;
	if (len < content.len && content.at[len] != ' ')
		return;
	memcpy(reply->status, content.at, len);
	reply->status[len] = '\0';
}

static void put(struct courier_reply *reply, char c)
{
	if (reply->text_len < sizeof reply->text - 1)
		reply->text[reply->text_len++] = c;
}

static void put_text(struct courier_reply *reply, struct slice line)
{
	bool utf8 = slice_is_utf8(line);
	size_t room = sizeof reply->text - 1 - reply->text_len;
	while (utf8 && line.len > room && !slice_is_utf8(slice_sub(line, 0, room)))
		room--; /* no character is cut in two */
	line = slice_sub(line, 0, room);
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.at[i];
		put(reply, c < ' ' || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : (char)c);
	}
}

enum courier_reply_state courier_reply_add_line(struct courier_reply *reply, struct slice line, struct slice *content)
{
	int code = 0;
	bool last = false;
	*content = SLICE("");
	if (reply->lines + reply->passed_over >= REPLY_LINES_MAX)
		return REPLY_BROKEN;
	if (!read_code(line, &code, &last)) {
		reply->passed_over++;
		return reply->lines > 0 || slice_trim(line).len == 0 ? REPLY_MORE : REPLY_BROKEN;
	}
	if (reply->lines > 0 && code != reply->code)
		return REPLY_BROKEN;
	*content = content_of(line);
	reply->code = code;
	if (reply->lines++ == 0) {
		read_status(reply, *content);
		put_text(reply, slice_trim(line.len > 3 && line.at[3] == '-' ? slice_sub(line, 0, 3) : line));
		if (!last) {
			put(reply, ' ');
			put_text(reply, slice_trim(*content));
		}
	} else if (content->len > 0) {
		put(reply, ' ');
		put_text(reply, slice_trim(*content));
	}
	return last ? REPLY_DONE : REPLY_MORE;
}

/* ---- EHLO ---- */

static void read_mechanisms(struct courier_offers *offers, struct slice list)
{
	struct slice name;
	while (list.len > 0) {
		slice_cut(list, ' ', &name, &list);
		offers->auth_scram |= slice_equal_nocase(name, SLICE("SCRAM-SHA-256"));
		offers->auth_plain |= slice_equal_nocase(name, SLICE("PLAIN"));
		offers->auth_login |= slice_equal_nocase(name, SLICE("LOGIN"));
	}
}

void courier_offers_add(struct courier_offers *offers, struct slice line)
{
	struct slice keyword, argument;
	slice_cut(slice_trim(line), ' ', &keyword, &argument);
	if (slice_starts_nocase(keyword, SLICE("AUTH="))) /* an old way of writing it */
		read_mechanisms(offers, slice_skip(slice_trim(line), 5));
	else if (slice_equal_nocase(keyword, SLICE("AUTH")))
		read_mechanisms(offers, argument);
	else if (slice_equal_nocase(keyword, SLICE("SIZE"))) {
		offers->size = true;
		if (!slice_to_number(slice_trim(argument), UINT64_MAX, &offers->size_limit))
			offers->size_limit = 0;
	} else {
		offers->pipelining |= slice_equal_nocase(keyword, SLICE("PIPELINING"));
		offers->eight_bit |= slice_equal_nocase(keyword, SLICE("8BITMIME"));
		offers->smtputf8 |= slice_equal_nocase(keyword, SLICE("SMTPUTF8"));
		offers->dsn |= slice_equal_nocase(keyword, SLICE("DSN"));
		offers->starttls |= slice_equal_nocase(keyword, SLICE("STARTTLS"));
		offers->enhanced_status |= slice_equal_nocase(keyword, SLICE("ENHANCEDSTATUSCODES"));
		offers->chunking |= slice_equal_nocase(keyword, SLICE("CHUNKING"));
		offers->binary |= slice_equal_nocase(keyword, SLICE("BINARYMIME"));
	}
}
