"""What is deleted is gone, under each of its addresses, and what was made of it too."""

from __future__ import annotations

from tests.service.backends import left_over, submit, succeed, train, upload
from tests.service.running import Running


def test_what_is_deleted_is_gone(service: Running) -> None:
    upload(service, "gone-reviews", 100)
    model = succeed(service, train(service, "gone", corpus="gone-reviews", epochs=1))["result"]
    body = {"model": "gone", "corpus": "gone-reviews"}
    analysis = succeed(service, submit(service, "/v1/analyses", body))["result"]
    found = {"filters": "exemplar", "text": "this is not good", "pattern": "not good"}
    rules = succeed(service, submit(service, f"{analysis}/rules", found))["result"]
    of_analysis = [
        *(analysis, f"{analysis}/division", f"{analysis}/division.png", f"{analysis}/signs"),
        *(f"{analysis}/rows", f"{analysis}/sentences?filter=1"),
        *(rules, analysis.replace("analyses", "jobs"), rules.replace("rules", "jobs")),
    ]
    of_model = [model, f"{model}/explain?text=good"]
    for path, others in (
        (analysis, of_analysis),
        (model, of_model),
        ("/v1/corpora/gone-reviews", ["/v1/corpora/gone-reviews"]),
    ):
        assert {service.client.get(other).status_code for other in others} == {200}, path
        assert service.client.delete(path).status_code == 204
        assert {service.client.get(other).status_code for other in others} == {404}, path
        assert service.client.delete(path).status_code == 404
    lists = {name: service.client.get(f"/v1/{name}").text for name in ("models", "corpora")}
    assert '"gone"' not in lists["models"]
    assert '"gone-reviews"' not in lists["corpora"]
    assert left_over(service) == []
