/*
 * Folders that builds make, and files that git leaves behind.
 */
#include <string.h>

#include "fs/ignore-internal.h"
#include "fs/rules-internal.h"

/*
 * The same name may stand with several markers.  Only names that mean nothing else beside their
 * marker: "build" and "vendor" do.
 */
static const struct { const char *name, *marker; } artefacts[] = {
	{ "node_modules", "package.json" },
	{ "bower_components", "bower.json" },
	{ "dist", "package.json" },
	{ "dist", "pyproject.toml" },
	{ "dist", "setup.py" },
	{ ".next", "package.json" },
	{ ".nuxt", "package.json" },
	{ ".svelte-kit", "package.json" },
	{ ".parcel-cache", "package.json" },
	{ ".turbo", "package.json" },
	{ ".angular", "package.json" },
	{ "target", "Cargo.toml" },
	{ "target", "pom.xml" },
	{ "target", "build.sbt" },
	{ "__pycache__", "*.py" },
	{ ".mypy_cache", "*.py" },
	{ ".mypy_cache", "pyproject.toml" },
	{ ".pytest_cache", "*.py" },
	{ ".pytest_cache", "pyproject.toml" },
	{ ".ruff_cache", "*.py" },
	{ ".ruff_cache", "pyproject.toml" },
	{ ".tox", "tox.ini" },
	{ ".nox", "noxfile.py" },
	{ ".eggs", "setup.py" },
	{ ".venv", "pyproject.toml" },
	{ ".venv", "requirements.txt" },
	{ ".terraform", "*.tf" },
	{ ".terraform", ".terraform.lock.hcl" },
	{ ".gradle", "*.gradle" },
	{ ".gradle", "*.gradle.kts" },
	{ ".dart_tool", "pubspec.yaml" },
	{ ".stack-work", "stack.yaml" },
	{ "dist-newstyle", "*.cabal" },
	{ "dist-newstyle", "cabal.project" },
	{ "elm-stuff", "elm.json" },
	{ "_build", "mix.exs" },
	{ "_build", "dune-project" },
	{ ".zig-cache", "build.zig" },
	{ "zig-cache", "build.zig" },
	{ "zig-out", "build.zig" },
};

static bool has_marker(const struct names *names, const char *marker)
{
	const char *name;

	if (*marker != '*')
		return names_has(names, marker) == 1;
	for (size_t i = 0; (name = names_at(names, i)); i++)
		if (ignore_match(marker, name, false))
			return true;
	return false;
}

bool artefact_is(const char *name, const struct names *names, const char **marker_out)
{
	for (size_t i = 0; i < sizeof(artefacts) / sizeof(*artefacts); i++) {
		*marker_out = artefacts[i].marker;
		if (strcmp(artefacts[i].name, name) == 0 &&
		    (!names || has_marker(names, artefacts[i].marker)))
			return true;
	}
	return false;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static bool begins_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

bool git_temporary_is(const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	bool is_ref = begins_with(path, "refs/") || strstr(path, "/refs/") ||
		      begins_with(path, "logs/") || strstr(path, "/logs/");
	bool is_object = !is_ref && (begins_with(path, "objects/") || strstr(path, "/objects/"));

	/* No branch can have a name that ends so. */
	if (!is_dir && ends_in(name, ".lock") && !begins_with(path, "hooks/"))
		return true;
	if (is_object)
		return begins_with(name, "tmp_") || begins_with(name, ".tmp-") ||
		       begins_with(name, "incoming-") || begins_with(name, "quarantine-");
	return strcmp(path, "gc.pid") == 0 || strcmp(path, "packed-refs.new") == 0;
}
