package api

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestNamesOfContainersAndGroups(t *testing.T) {
	for _, good := range []string{"web", "web-1", "0.a_b", strings.Repeat("x", 63)} {
		if err := CheckName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "We b", "-web", "Web", "wéb", "web\n", strings.Repeat("x", 64)} {
		if err := CheckName(bad); KindOf(err) != KindInvalid || !strings.Contains(HintOf(err), "lower-case letters") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, of := range []reflect.Type{reflect.TypeFor[ContainerSpec](), reflect.TypeFor[Group]()} {
		f, _ := of.FieldByName("Name")
		if f.Tag.Get("pattern") != ownName.String() || f.Tag.Get("maxLength") != strconv.Itoa(maxOwnName) {
			t.Errorf("a %s's name has another rule: %s", of.Name(), f.Tag)
		}
	}
}
