#ifndef LIB_SYS_INTERNAL_H
#define LIB_SYS_INTERNAL_H

/*
 * Between sys.c and sys-fault.c: the hook each call passes.  Outside the test build all of it is
 * nothing.
 */

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

int sys_plain_rename_noreplace(const char *from, const char *to);

#define FAULT(call, ...) ((void)0)
#define FAULT_TAKEN(call, ...) ((void)0)
#define FAULT_IS_ARMED() false
#define FAULT_WANTS_CORE() false

#endif
