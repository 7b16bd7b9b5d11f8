/* A fuzz target without a fuzzer: runs it on every file of the folders that are named. So a corpus is a test. */
#include <dirent.h>
#include <stdint.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLAY_FILE_MAX = 1024 * 1024 };

static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	int count = 0;
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		char name[4096];
		struct buf input = BUF(REPLAY_FILE_MAX);
		struct error error;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.' && file_read(name, &input, &error)) {
			LLVMFuzzerTestOneInput((const uint8_t *)(input.at ? input.at : ""), input.len);
			count++;
		}
		buf_free(&input);
	}
	if (folder)
		closedir(folder);
	return count;
}

int main(int count, char **folders)
{
	int files = 0;
	for (int i = 1; i < count; i++)
		files += replay_folder(folders[i]);
	printf("%d inputs\n", files);
	return files == 0;
}
