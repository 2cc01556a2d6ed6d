/// The hook payloads of one short session with Claude Code, as its hooks receive them on standard input: someone
/// asks why a link checker hangs, the agent finds the cause, mends it, tests it and stops.
enum DemoSession {
  static let session = "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3"

  /// The input whose record the demonstration prints.
  static let shownRecord = "0005-edit"

  /// The payloads in order, each with the name that it is dropped under.
  static let payloads: [(name: String, json: String)] = [
    ("0001-session-start", sessionStart),
    ("0002-prompt", prompt),
    ("0003-grep", grep),
    ("0004-read", read),
    ("0005-edit", edit),
    ("0006-write", write),
    ("0007-bash", bash),
    ("0008-stop", stop),
  ]

  private static let sessionStart = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "hook_event_name": "SessionStart", "source": "startup"}

    """#

  /// The password is there to show that it goes no further than the spool.
  private static let prompt = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "UserPromptSubmit",
     "prompt": "linkcheck hangs for ever on https://staging.example.org/docs and CI runs into its limit. Find out why and fix it, with a test. <private>The login there is ada / correct-horse-battery.</private> A site that is slow once should not fail the build."}

    """#

  private static let grep = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "PostToolUse",
     "tool_name": "Grep",
     "tool_input": {"pattern": "requests\\.(get|head)\\(", "path": "src", "output_mode": "content", "-n": true},
     "tool_response": {"mode": "content", "numFiles": 2, "numLines": 2, "filenames": [],
       "content": "src/linkcheck/fetch.py:18:    response = requests.get(url, allow_redirects=True)\nsrc/linkcheck/robots.py:11:    text = requests.get(robots_url, timeout=5).text"},
     "tool_use_id": "toolu_01Vb3KcQ8mXw"}

    """#

  private static let read = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "PostToolUse",
     "tool_name": "Read", "tool_input": {"file_path": "/home/ada/src/linkcheck/src/linkcheck/fetch.py"},
     "tool_response": {"type": "text", "file": {"filePath": "/home/ada/src/linkcheck/src/linkcheck/fetch.py",
       "content": "\"\"\"Fetches one link and says whether it is alive.\"\"\"\n\nimport requests\n\nfrom .result import Result\n\n\ndef check(url: str) -> Result:\n    \"\"\"Alive means any status below 400 after redirects.\"\"\"\n    try:\n        response = requests.get(url, allow_redirects=True)\n    except requests.ConnectionError as error:\n        return Result(url, alive=False, reason=str(error))\n    return Result(url, alive=response.status_code < 400, reason=str(response.status_code))\n",
       "numLines": 14, "startLine": 1, "totalLines": 14}},
     "tool_use_id": "toolu_01Ns7TzR2dYh"}

    """#

  private static let edit = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "PostToolUse",
     "tool_name": "Edit",
     "tool_input": {"file_path": "/home/ada/src/linkcheck/src/linkcheck/fetch.py",
       "old_string": "    try:\n        response = requests.get(url, allow_redirects=True)\n    except requests.ConnectionError as error:\n        return Result(url, alive=False, reason=str(error))\n",
       "new_string": "    for last in (False, True):\n        try:\n            # requests waits for ever unless it is told otherwise.\n            response = requests.get(url, allow_redirects=True, timeout=(5, 20))\n            break\n        except requests.Timeout as error:\n            if last:\n                return Result(url, alive=False, reason=f\"no answer: {error}\")\n        except requests.ConnectionError as error:\n            return Result(url, alive=False, reason=str(error))\n",
       "replace_all": false},
     "tool_response": {"filePath": "/home/ada/src/linkcheck/src/linkcheck/fetch.py", "userModified": false,
       "replaceAll": false, "structuredPatch": [{"oldStart": 10, "oldLines": 5, "newStart": 10, "newLines": 11,
         "lines": ["-    try:", "-        response = requests.get(url, allow_redirects=True)", "-    except requests.ConnectionError as error:", "-        return Result(url, alive=False, reason=str(error))", "+    for last in (False, True):", "+        try:", "+            # requests waits for ever unless it is told otherwise.", "+            response = requests.get(url, allow_redirects=True, timeout=(5, 20))", "+            break", "+        except requests.Timeout as error:", "+            if last:", "+                return Result(url, alive=False, reason=f\"no answer: {error}\")", "+        except requests.ConnectionError as error:", "+            return Result(url, alive=False, reason=str(error))", "     return Result(url, alive=response.status_code < 400, reason=str(response.status_code))"]}]},
     "tool_use_id": "toolu_01Hq5WpL9cAe"}

    """#

  private static let write = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "PostToolUse",
     "tool_name": "Write",
     "tool_input": {"file_path": "/home/ada/src/linkcheck/tests/test_timeout.py",
       "content": "import requests\n\nfrom linkcheck.fetch import check\n\n\ndef test_slow_once_is_alive(monkeypatch):\n    answers = iter([requests.Timeout(\"slow\"), type(\"Ok\", (), {\"status_code\": 200})()])\n\n    def get(url, **options):\n        assert options[\"timeout\"] == (5, 20)\n        answer = next(answers)\n        if isinstance(answer, Exception):\n            raise answer\n        return answer\n\n    monkeypatch.setattr(requests, \"get\", get)\n    assert check(\"https://example.org\").alive\n"},
     "tool_response": {"type": "create", "filePath": "/home/ada/src/linkcheck/tests/test_timeout.py",
       "structuredPatch": []},
     "tool_use_id": "toolu_01Jd2FgX6rMu"}

    """#

  private static let bash = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "PostToolUse",
     "tool_name": "Bash",
     "tool_input": {"command": "python -m pytest -q tests", "description": "Run the tests"},
     "tool_response": {"stdout": ".............                                                            [100%]\n13 passed in 0.41s", "stderr": "", "interrupted": false, "isImage": false},
     "tool_use_id": "toolu_01Ye8BnC4sKt"}

    """#

  private static let stop = #"""
    {"session_id": "6f1d2c8a-3b57-4e0b-9a41-5d7c0e94b2f3",
     "transcript_path": "/home/ada/.claude/projects/-home-ada-src-linkcheck/6f1d2c8a.jsonl",
     "cwd": "/home/ada/src/linkcheck", "permission_mode": "acceptEdits", "hook_event_name": "Stop",
     "stop_hook_active": false,
     "last_assistant_message": "linkcheck hung because `requests.get` in src/linkcheck/fetch.py had no timeout: the staging server accepts the connection and never answers. It now waits 5 s to connect and 20 s for an answer, and tries once more after a timeout, so a site that is slow once still counts as alive. tests/test_timeout.py covers that; all 13 tests pass. robots.py already had a timeout of 5 s."}

    """#
}
