/* Bounded growing buffers; the invariants stand in buf.h. */
#include "base/buf.h"

#include "base/memory.h"

enum { BUF_FIRST_CAPACITY = 64 };

/* realloc() would leave the old bytes behind. */
static char *grow_secret(const struct buf *buf, size_t capacity)
{
	char *at = memory_resize(NULL, capacity);
	if (buf->len > 0)
		memcpy(at, buf->at, buf->len);
	memory_wipe(buf->at, buf->capacity);
	free(buf->at);
	return at;
}

char *buf_reserve(struct buf *buf, size_t n)
{
	if (buf->overflow || n > buf->max - buf->len) {
		buf->overflow = true;
		return NULL;
	}
	size_t needed = buf->len + n + 1;
	if (needed > buf->capacity) {
		size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_CAPACITY;
		while (capacity < needed)
			capacity *= 2;
		if (capacity > buf->max + 1)
			capacity = buf->max + 1;
		buf->at = buf->secret ? grow_secret(buf, capacity) : memory_resize(buf->at, capacity);
		buf->capacity = capacity;
	}
	return buf->at + buf->len;
}

void buf_claim(struct buf *buf, size_t n)
{
	buf->len += n;
	buf->at[buf->len] = '\0';
}

bool buf_append(struct buf *buf, struct slice s)
{
	char *room = buf_reserve(buf, s.len);
	if (!room)
		return false;
	if (s.len > 0)
		memcpy(room, s.at, s.len);
	buf_claim(buf, s.len);
	return true;
}

bool buf_append_text(struct buf *buf, const char *text)
{
	return buf_append(buf, slice_of(text));
}

bool buf_append_char(struct buf *buf, char c)
{
	return buf_append(buf, slice_make(&c, 1));
}

bool buf_append_number(struct buf *buf, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return buf_append(buf, slice_make(digits + at, sizeof digits - at));
}

bool buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	char *room = len < 0 ? NULL : buf_reserve(buf, (size_t)len);
	if (room) {
		vsnprintf(room, (size_t)len + 1, format, again);
		buf_claim(buf, (size_t)len);
	}
	va_end(again);
	return room != NULL;
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	bool done = buf_vprintf(buf, format, args);
	va_end(args);
	return done;
}

void buf_consume(struct buf *buf, size_t n)
{
	if (n > buf->len)
		n = buf->len;
	if (n == 0)
		return;
	buf->len -= n;
	memmove(buf->at, buf->at + n, buf->len);
	buf->at[buf->len] = '\0';
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->overflow = false;
}

void buf_free(struct buf *buf)
{
	if (buf->secret)
		memory_wipe(buf->at, buf->capacity);
	free(buf->at);
	*buf = (struct buf){.max = buf->max, .secret = buf->secret};
}

void buf_free_secret(struct buf *buf)
{
	memory_wipe(buf->at, buf->capacity);
	buf_free(buf);
}
