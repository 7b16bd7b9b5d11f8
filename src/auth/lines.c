/* See lines.h. */
#include "auth/lines.h"

#include "auth/network.h"
#include "base/memory.h"

struct auth_line {
	struct auth_line *next;
	char network[NETWORK_TEXT_MAX];
	size_t network_len;
	struct auth_waiting *first, **end;
	size_t count;
};

void auth_lines_init(struct auth_lines *lines)
{
	*lines = (struct auth_lines){.end = &lines->first};
}

static void append_line(struct auth_lines *lines, struct auth_line *line)
{
	line->next = NULL;
	*lines->end = line;
	lines->end = &line->next;
}

/* Takes the line that *at leads to out of its place. */
static struct auth_line *remove_line(struct auth_lines *lines, struct auth_line **at)
{
	struct auth_line *line = *at;
	if (!(*at = line->next))
		lines->end = at;
	return line;
}

static struct auth_line *find_line(struct auth_lines *lines, struct slice network)
{
	struct auth_line *line = lines->first;
	while (line && !slice_equal(slice_make(line->network, line->network_len), network))
		line = line->next;
	if (line)
		return line;
	line = memory_new(sizeof *line);
	line->network_len = network.len;
	memcpy(line->network, network.at, network.len);
	line->end = &line->first;
	append_line(lines, line);
	return line;
}

void auth_lines_add(struct auth_lines *lines, struct slice address, struct auth_waiting *waiting)
{
	char text[NETWORK_TEXT_MAX];
	struct auth_line *line = find_line(lines, auth_network_text(address, text));
	waiting->next = NULL;
	*line->end = waiting;
	line->end = &waiting->next;
	line->count++;
	lines->count++;
}

struct auth_waiting *auth_lines_take(struct auth_lines *lines)
{
	if (!lines->first)
		return NULL;
	struct auth_line *line = remove_line(lines, &lines->first);
	struct auth_waiting *taken = line->first;
	line->first = taken->next;
	line->count--;
	lines->count--;
	if (line->count > 0)
		append_line(lines, line);
	else
		free(line);
	return taken;
}

static struct auth_line **longest(struct auth_lines *lines)
{
	struct auth_line **found = &lines->first;
	for (struct auth_line **at = found; *at; at = &(*at)->next)
		if ((*at)->count >= (*found)->count)
			found = at;
	return found;
}

struct auth_waiting *auth_lines_take_last(struct auth_lines *lines)
{
	struct auth_line **at = longest(lines), *line = *at;
	if (!line)
		return NULL;
	struct auth_waiting **last = &line->first;
	while ((*last)->next)
		last = &(*last)->next;
	struct auth_waiting *taken = *last;
	*last = NULL;
	line->end = last;
	line->count--;
	lines->count--;
	if (line->count == 0)
		free(remove_line(lines, at));
	return taken;
}
