#ifndef LIB_PATH_H
#define LIB_PATH_H

/*
 * Where things of the user's are, and putting paths together.
 */

/* "a/b"; sys_free() it.  One slash between, whatever `dir` ends in. */
char *path_join(const char *dir, const char *name);

/*
 * The path without ".", ".." and double slashes, and without a slash at either end: what stands
 * in a snapshot for an absolute path.  "" for the root.  sys_free() it.
 */
char *path_clean(const char *path);
/* The same of a path that may be relative to `folder`. */
char *path_clean_at(const char *folder, const char *path);

/*
 * The folder of ub below a place of the XDG base directory specification:
 * $XDG_DATA_HOME/ub, else ~/.local/share/ub, and so on.  As the specification says, a variable
 * that is empty or not absolute counts as unset.  NULL: there is no HOME either.  sys_free() it.
 */
char *path_data_home(void);
char *path_config_home(void);
char *path_state_home(void);
char *path_cache_home(void);

#endif
