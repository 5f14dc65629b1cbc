# The flags of every target: one interface library, linked by each room.
add_library(aicert_flags INTERFACE)
target_compile_definitions(aicert_flags INTERFACE
	_GNU_SOURCE AICERT_VERSION="${PROJECT_VERSION}"
	$<$<CONFIG:Debug>:AICERT_DEBUG>)
target_include_directories(aicert_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(aicert_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
	-Wcast-qual -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
	-Wwrite-strings -Wswitch-enum -Wnull-dereference -Wundef
	-Wpointer-arith -fno-common
	$<$<BOOL:${AICERT_WERROR}>:-Werror>
	$<$<CONFIG:Release>:-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>
	-fstack-protector-strong -fstack-clash-protection)
target_link_options(aicert_flags INTERFACE
	$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>
	-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
if(AICERT_SANITIZE OR AICERT_FUZZ)
	target_compile_definitions(aicert_flags INTERFACE AICERT_SANITIZED)
endif()
if(AICERT_SANITIZE)
	target_compile_options(aicert_flags INTERFACE
		-fsanitize=address,undefined -fno-sanitize-recover=all
		-fno-omit-frame-pointer)
	target_link_options(aicert_flags INTERFACE
		-fsanitize=address,undefined)
endif()
if(AICERT_FUZZ)
	target_compile_options(aicert_flags INTERFACE
		-fsanitize=fuzzer-no-link,address,undefined
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(aicert_flags INTERFACE
		-fsanitize=address,undefined)
endif()
set(CMAKE_C_FLAGS_RELEASE "")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

# A room is a static library named aicert_<room>.
function(aicert_room name)
	cmake_parse_arguments(ROOM "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
	add_library(aicert_${name} STATIC ${ROOM_SOURCES})
	target_link_libraries(aicert_${name} PUBLIC aicert_flags)
	# A program can leave out what it does not call: aicert-verify does.
	target_compile_options(aicert_${name} PRIVATE
		-ffunction-sections -fdata-sections)
	foreach(above ${ROOM_ROOMS})
		target_link_libraries(aicert_${name} PUBLIC aicert_${above})
	endforeach()
	target_link_libraries(aicert_${name} PRIVATE ${ROOM_LIBRARIES})
endfunction()
