"""The control plane's answers about apps, functions, images, mounts, volumes, secrets, dicts and
blobs."""

from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from tests.fakes.messages import message, success
from tests.fakes.records import App, Function, World

GPUS = {"T4", "L4", "A10", "A10G", "L40S", "A100", "A100-40GB", "A100-80GB", "H100", "H200", "B200"}
BUILDER = "2025.06"


class Objects:
    """Handlers that make and find objects; each takes a request and gives the response."""

    world: World
    blob_url: str

    def client_hello(self, request: Any) -> Any:
        """Who is there."""
        return message(api_pb2.ClientHelloResponse, image_builder_version=BUILDER)

    def environment_get_or_create(self, request: Any) -> Any:
        """The one environment."""
        settings = message(api_pb2.EnvironmentSettings, image_builder_version=BUILDER)
        metadata = message(api_pb2.EnvironmentMetadata, name="main", settings=settings)
        return message(
            api_pb2.EnvironmentGetOrCreateResponse, environment_id="en-main", metadata=metadata
        )

    def app_create(self, request: Any) -> Any:
        """A new app of a client."""
        app = App(self.world.new_id("ap"), request.app_state == api_pb2.APP_STATE_DETACHED)
        self.world.apps[app.app_id] = app
        url = f"http://fake/{app.app_id}"
        return message(
            api_pb2.AppCreateResponse, app_id=app.app_id, app_page_url=url, app_logs_url=url
        )

    def app_publish(self, request: Any) -> Any:
        """The app's functions are complete."""
        self.world.apps[request.app_id].function_ids = dict(request.function_ids)
        return message(api_pb2.AppPublishResponse, url="http://fake")

    def function_precreate(self, request: Any) -> Any:
        """An id, and what a handle of the function carries."""
        handle = message(
            api_pb2.FunctionHandleMetadata,
            function_name=request.function_name,
            function_type=request.function_type,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
        )
        made = Function(self.world.new_id("fu"), request.app_id, request.function_name, handle)
        self.world.functions[made.function_id] = made
        return message(
            api_pb2.FunctionPrecreateResponse,
            function_id=made.function_id,
            handle_metadata=handle,
        )

    def function_create(self, request: Any) -> Any:
        """The definition, with one choice a GPU where a list was given.

        Raises:
            GRPCError: a GPU that nobody sells, as the real control plane refuses it.
        """
        function = self.world.functions[request.existing_function_id]
        ranked = sorted(request.function_data.ranked_functions, key=lambda each: each.rank)
        function.choices = [each.function for each in ranked] or [request.function]
        for choice in function.choices:
            gpu = choice.resources.gpu_config.gpu_type
            if gpu and gpu not in GPUS:
                raise GRPCError(Status.INVALID_ARGUMENT, f"unknown GPU type {gpu}")
        return message(
            api_pb2.FunctionCreateResponse,
            function_id=function.function_id,
            function=function.definition,
            function_data=self._data(function),
            handle_metadata=function.handle,
        )

    def _data(self, function: Function) -> Any:
        ranked = [
            api_pb2.FunctionData.RankedFunction(rank=rank, function=choice)
            for rank, choice in enumerate(function.choices)
        ]
        return message(api_pb2.FunctionData, function_name=function.name, ranked_functions=ranked)

    def image_get_or_create(self, request: Any) -> Any:
        """Record a layer; nothing is built."""
        image_id = self.world.new_id("im")
        self.world.images[image_id] = request.image
        metadata = message(api_pb2.ImageMetadata, image_builder_version=BUILDER)
        return message(
            api_pb2.ImageGetOrCreateResponse,
            image_id=image_id,
            result=success(),
            metadata=metadata,
        )

    def mount_batched_check_existence(self, request: Any) -> Any:
        """Which contents are not here yet."""
        missing = [
            digest
            for digest in request.sha256_hex_hashes
            if not self.world.stored_file(digest).exists()
        ]
        return message(
            api_pb2.MountBatchedCheckExistenceResponse, missing_sha256_hex_hashes=missing
        )

    def mount_put_file(self, request: Any) -> Any:
        """Keep a file's content."""
        if request.WhichOneof("data_oneof") == "data_blob_id":
            content = self.world.stored_file(request.data_blob_id).read_bytes()
            assert self.world.store(content) == request.sha256_hex
        elif request.WhichOneof("data_oneof") == "data":
            assert self.world.store(request.data) == request.sha256_hex
        exists = self.world.stored_file(request.sha256_hex).exists()
        return message(api_pb2.MountPutFileResponse, exists=exists)

    def mount_get_or_create(self, request: Any) -> Any:
        """A set of files by name; the client's own package has none, the container's Python has
        it."""
        mount_id = self.world.new_id("mo")
        self.world.mounts[mount_id] = list(request.files)
        self.world.received_mounts.append(request.deployment_name)
        return message(api_pb2.MountGetOrCreateResponse, mount_id=mount_id)

    def volume_get_or_create(self, request: Any) -> Any:
        """A folder.

        Raises:
            GRPCError: it does not exist and was not to be made.
        """
        volume_id = f"vo-{request.deployment_name}"
        if volume_id not in self.world.volumes:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(
                    Status.NOT_FOUND, f"Volume '{request.deployment_name}' not found in main"
                )
            self.add_volume(request.deployment_name)
        metadata = message(api_pb2.VolumeMetadata, name=request.deployment_name)
        return message(api_pb2.VolumeGetOrCreateResponse, volume_id=volume_id, metadata=metadata)

    def add_volume(self, name: str) -> Any:
        """An empty volume; its folder."""
        folder = self.world.base / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        self.world.volumes[f"vo-{name}"] = folder
        return folder

    def volume_list_files(self, request: Any) -> list[Any]:
        """The entries of a folder on a volume.

        Raises:
            GRPCError: there is no such folder.
        """
        root = self.world.volumes[request.volume_id]
        folder = root / request.path.strip("/")
        if not folder.exists():
            raise GRPCError(Status.NOT_FOUND, f"{request.path} not found")
        kinds = api_pb2.FileEntry
        entries = [
            kinds(
                path=str(child.relative_to(root)),
                type=kinds.DIRECTORY if child.is_dir() else kinds.FILE,
                size=child.stat().st_size,
            )
            for child in sorted(folder.iterdir())
        ]
        return [message(api_pb2.VolumeListFilesResponse, entries=entries)]

    def secret_get_or_create(self, request: Any) -> Any:
        """Names and values for a container's environment.

        Raises:
            GRPCError: a named one that does not exist.
        """
        if request.deployment_name:
            secret_id = f"st-{request.deployment_name}"
            if secret_id not in self.world.secrets:
                raise GRPCError(
                    Status.NOT_FOUND, f"Secret '{request.deployment_name}' not found in main"
                )
        else:
            secret_id = self.world.new_id("st")
            self.world.secrets[secret_id] = dict(request.env_dict)
        return message(api_pb2.SecretGetOrCreateResponse, secret_id=secret_id)

    def dict_get_or_create(self, request: Any) -> Any:
        """A shared dictionary."""
        return message(api_pb2.DictGetOrCreateResponse, dict_id=f"di-{request.deployment_name}")

    def dict_update(self, request: Any) -> Any:
        """Put entries; with `if_not_exists` none where one is there, in one step."""
        content = self.world.dicts[request.dict_id]
        held = any(entry.key in content for entry in request.updates)
        created = not (request.if_not_exists and held)
        if created:
            content.update({entry.key: entry.value for entry in request.updates})
        return message(api_pb2.DictUpdateResponse, created=created)

    def dict_get(self, request: Any) -> Any:
        """One entry."""
        value = self.world.dicts[request.dict_id].get(request.key)
        return message(api_pb2.DictGetResponse, found=value is not None, value=value)

    def blob_create(self, request: Any) -> Any:
        """Where to put what is too large for a message."""
        blob_id = self.world.new_id("bl")
        url = f"{self.blob_url}/{blob_id}"
        if "upload_urls" in api_pb2.BlobCreateResponse.DESCRIPTOR.fields_by_name:
            urls = api_pb2.UploadUrlList(items=[url])
            return api_pb2.BlobCreateResponse(blob_ids=[blob_id], upload_urls=urls)
        return api_pb2.BlobCreateResponse(blob_id=blob_id, upload_url=url)

    def blob_get(self, request: Any) -> Any:
        """Where to take it from."""
        return api_pb2.BlobGetResponse(download_url=f"{self.blob_url}/{request.blob_id}")
