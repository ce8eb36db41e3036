package compose

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// resolveEnvironment gives variables that a service names without a value
// those of the environment, and drops the ones that are not there, as Compose
// does.
func resolveEnvironment(model map[string]any, environment map[string]string) {
	for name := range mapping(model, "services") {
		service := mapping(model, "services", name)
		switch given := service["environment"].(type) {
		case map[string]any:
			for variable, value := range given {
				if value != nil {
					continue
				}
				if found, ok := environment[variable]; ok {
					given[variable] = found
				} else {
					delete(given, variable)
				}
			}
		case []any:
			// The loader has put in those that are there.
			service["environment"] = slices.DeleteFunc(given, func(entry any) bool {
				text, ok := entry.(string)
				return ok && !strings.Contains(text, "=")
			})
		}
	}
}

// print writes a model as a Compose file that reads back as the same model,
// whatever the environment, and that Compose since 1.29 accepts: without a
// name at the top, and in the short syntax wherever it says the same.
func print(model map[string]any) ([]byte, error) {
	file := make(map[string]any)
	for name, value := range model {
		if name == "name" || isExtension(name) && name != labKey {
			continue // templates; what merged them has them
		}
		file[name] = escaped(value)
	}
	services, _ := file["services"].(map[string]any)
	for _, value := range services {
		if service, ok := value.(map[string]any); ok {
			shorten(service)
		}
	}
	return encode(file)
}

func encode(file map[string]any) ([]byte, error) {
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(file); err != nil {
		return nil, fmt.Errorf("write lab's source: %w", err)
	}
	return text.Bytes(), nil
}

// escaped is a copy with $ doubled, so that nothing is replaced again.
func escaped(value any) any {
	return copied(value, func(text string) string { return strings.ReplaceAll(text, "$", "$$") })
}

// copied is a copy all the way down, with another text for each. Where the
// loader has put types of its own they become plain ones.
func copied(value any, text func(string) string) any {
	if whole, ok := value.(map[string]any); ok {
		parts := make(map[string]any, len(whole))
		for name, part := range whole {
			parts[name] = copied(part, text)
		}
		return parts
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return text(v.String())
	case reflect.Bool:
		return v.Bool()
	case reflect.Slice:
		parts := make([]any, v.Len())
		for i := range parts {
			parts[i] = copied(v.Index(i).Interface(), text)
		}
		return parts
	}
	return value
}

func shorten(service map[string]any) {
	for name := range service {
		if isExtension(name) && name != labKey {
			delete(service, name)
		}
	}
	if dependencies, ok := service["depends_on"].(map[string]any); ok {
		service["depends_on"] = shortDependencies(dependencies)
		if len(dependencies) == 0 {
			delete(service, "depends_on")
		}
	}
	if volumes, ok := service["volumes"].([]any); ok {
		for i, volume := range volumes {
			if long, ok := volume.(map[string]any); ok {
				volumes[i] = shortVolume(long)
			}
		}
	}
}

// shortDependencies is a list if all that is asked for is an order. Compose
// 1.29 does not know the loader's "required", which is true by default.
func shortDependencies(dependencies map[string]any) any {
	plain := true
	for _, value := range dependencies {
		dependency, _ := value.(map[string]any)
		if dependency["required"] == true {
			delete(dependency, "required")
		}
		plain = plain && len(dependency) == 1 && dependency["condition"] == "service_started"
	}
	if !plain {
		return dependencies
	}
	list := make([]any, 0, len(dependencies))
	for _, name := range slices.Sorted(maps.Keys(dependencies)) {
		list = append(list, name)
	}
	return list
}

// shortVolume is "./runs:/runs" for a bind mount that is not more than that.
// Compose 1.29 does not know the loader's "create_host_path", which the short
// syntax implies.
func shortVolume(volume map[string]any) any {
	bind, _ := volume["bind"].(map[string]any)
	source, _ := volume["source"].(string)
	target, _ := volume["target"].(string)
	readOnly, given := volume["read_only"].(bool)
	keys := 4
	if given {
		keys++
	}
	if volume["type"] != "bind" || len(bind) != 1 || bind["create_host_path"] != true || len(volume) != keys ||
		!isPath(source, "./", "../", "/") || !isPath(target, "/") {
		return volume
	}
	if readOnly {
		return source + ":" + target + ":ro"
	}
	return source + ":" + target
}

func isPath(path string, prefixes ...string) bool {
	return !strings.Contains(path, ":") && slices.ContainsFunc(prefixes, func(prefix string) bool {
		return strings.HasPrefix(path, prefix)
	})
}
